/**
 * The mesh: every process that has the file open is connected to every other.
 *
 * A newcomer listens first, then lists the folder, then connects to all it found; whoever comes after finds the newcomer.
 * So of any two, one connects to the other, or both do and one of the two links is ended. A link that closes is not yet a
 * death: only a peer whose socket refuses connections, or whose process has provably ended, is gone. A missing socket says
 * nothing: somebody may have deleted the folder, and whose entry is deleted enters again.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { type Dialled, type PeerFolder, peerFolder } from './peer-folder.ts'
import { type LinkEvents, type LinkStart, PeerLink } from './peer-link.ts'
import { encodePeerMessage, peerIdPattern } from './peer-protocol.ts'
import { isProvenDead, ownMark } from './process-mark.ts'

/** A peer that closes so many links in a row without a hello does not want to talk. */
const attemptLimit = 10

/** What the mesh reports. */
export interface MeshEvents {
  message(channel: string, text: string): void
  /** A holder's process is gone. */
  lost(holder: string): void
}

export class Mesh {
  /** This process, or rather this opening of the file by it. */
  readonly id = randomBytes(8).toString('hex')
  readonly channels = new Set<string>()
  readonly holds = new Set<string>()
  readonly #file: string
  readonly #events: MeshEvents
  readonly #links = new Set<PeerLink>()
  #server: Server | undefined
  #folder: PeerFolder | undefined
  #started: Promise<void> | undefined
  #isReady = false
  #holders = 0
  /** What was published before the others were known. */
  #outbox: (readonly [channel: string, text: string])[] = []
  #returning: Promise<void> | undefined
  #unwatch: () => void = () => {}
  #closed: Promise<void> | undefined

  constructor(file: string, events: MeshEvents) {
    this.#file = file
    this.#events = events
  }

  /** Whether somebody may listen who is not known yet. */
  get isUncertain(): boolean {
    return !this.#isReady || [...this.#links].some((link) => !link.isGreeted && !link.isMute)
  }

  get isClosed(): boolean {
    return this.#closed !== undefined
  }

  /**
   * Joins on first use, and again when its entry was deleted. Resolves when those who were there know this peer.
   * @throws {StoreError} STORE_UNAVAILABLE
   */
  start(): Promise<void> {
    if (this.#isReady) return this.#return()
    this.#started ??= this.#join().catch((error: unknown) => {
      this.#started = undefined
      this.#outbox = []
      throw error
    })
    return this.#started
  }

  hears(channel: string): boolean {
    for (const link of this.#links) if (link.channels.has(channel)) return true
    return false
  }

  /** Tells all peers of a subscription or a holder; resolves when they have taken it in. */
  async tell(kind: 'sub' | 'unsub' | 'hold' | 'release', name: string): Promise<void> {
    await Promise.all([...this.#links].map((link) => link.tell((ack) => [kind, ack, name])))
  }

  /** Sends a message to the peers that listen, joining first if need be. */
  post(channel: string, text: string): void {
    if (this.#isReady) this.#postNow(channel, text)
    else {
      this.#outbox.push([channel, text])
      // Signals are hints: without a folder to meet in they stay in this process, and subscribing says why.
      this.start().catch(() => {})
    }
  }

  /** A name for a new holder of this process: the peer, its number there, and the process. */
  async newHolder(): Promise<string> {
    const mark = await ownMark()
    return `${this.id}.${++this.#holders}${mark === undefined ? '' : `.${mark}`}`
  }

  /** Of these holders, those that are known to be gone. */
  async lostOf(peer: string, holders: readonly string[]): Promise<readonly string[]> {
    if (peer === this.id) return holders.filter((holder) => !this.holds.has(holder))
    if (!peerIdPattern.test(peer)) return []
    const link = this.#linksTo(peer)[0] ?? (await this.#dial({ id: peer, dialled: true }))
    if (link === 'gone') return holders
    if (typeof link === 'string') return provenDead(holders)
    await link.greeting()
    const missing = holders.filter((holder) => !link.holds.has(holder))
    // What it has said may still be on its way: only after an ack its silence about a holder means something.
    if (missing.length === 0 || !link.isGreeted || !(await link.sync())) return []
    return missing.filter((holder) => !link.holds.has(holder))
  }

  close(): Promise<void> {
    this.#closed ??= this.#leave()
    return this.#closed
  }

  async #join(): Promise<void> {
    await this.#enter()
    this.#isReady = true
    for (const [channel, text] of this.#outbox.splice(0)) this.#postNow(channel, text)
    await this.#greetings()
  }

  async #enter(): Promise<void> {
    this.#folder ??= await peerFolder(this.#file)
    this.#server?.close()
    const server = createServer((socket) => this.#adopt(socket, { dialled: false }))
    server.unref()
    try {
      await this.#folder.enter(server, this.id)
    } catch (error) {
      server.close()
      throw error
    }
    server.on('error', () => {})
    this.#server = server
    this.#unwatch()
    // The next use says what is wrong when this cannot return.
    this.#unwatch = this.#folder.watch(() => void this.#return().catch(() => {}))
    const others = (await this.#folder.list()).filter((id) => id !== this.id && this.#linksTo(id).length === 0)
    await Promise.all(others.map((id) => this.#dial({ id, dialled: true })))
  }

  /** Enters again if need be; those who came meanwhile are found. */
  #return(): Promise<void> {
    this.#returning ??= this.#returnIfHidden().finally(() => {
      this.#returning = undefined
    })
    return this.#returning
  }

  async #returnIfHidden(): Promise<void> {
    if (this.#closed !== undefined || (await this.#folder?.isHidden(this.id)) !== true) return
    await this.#enter()
    await this.#greetings()
  }

  async #greetings(): Promise<void> {
    await Promise.all([...this.#links].map((link) => link.greeting()))
  }

  async #dial(start: LinkStart & { readonly id: string }): Promise<PeerLink | Exclude<Dialled, Socket>> {
    this.#folder ??= await peerFolder(this.#file)
    const socket = await this.#folder.dial(start.id)
    return typeof socket === 'string' ? socket : this.#adopt(socket, start)
  }

  #adopt(socket: Socket, start: LinkStart): PeerLink {
    const link = new PeerLink(socket, start, this.#linkEvents)
    this.#links.add(link)
    void link.hello(this.id)
    // While it joins, what waits in the outbox still goes out on this link, and `close` ends it then.
    if (this.#closed !== undefined && this.#isReady) void link.close()
    return link
  }

  readonly #linkEvents: LinkEvents = {
    facts: this,
    message: (channel, text) => this.#events.message(channel, text),
    greeted: (link) => this.#keepOne(link),
    closed: (link) => void this.#lose(link),
  }

  /** Of two links between the same peers, both sides agree on the one that the smaller id dialled. */
  #keepOne(link: PeerLink): void {
    const { id } = link
    if (id === undefined || this.id > id) return
    const all = this.#linksTo(id).filter(({ isGreeted }) => isGreeted)
    if (all.length < 2) return
    const kept = all.find(({ dialled }) => dialled) ?? all[0]
    for (const other of all) if (other !== kept) other.end()
  }

  async #lose(link: PeerLink): Promise<void> {
    this.#links.delete(link)
    const { id, holds, isBroken } = link
    if (id === undefined || isBroken || this.#closed !== undefined || this.#linksTo(id).length > 0) return
    const attempt = link.isGreeted ? 0 : link.attempt + 1
    if (attempt > attemptLimit) return
    const answer = await this.#dial({ id, dialled: true, holds, attempt })
    if (typeof answer !== 'string') return
    const lost = answer === 'gone' ? [...holds] : await provenDead([...holds])
    if (this.#closed !== undefined) return
    for (const holder of lost) this.#events.lost(holder)
  }

  #linksTo(id: string): readonly PeerLink[] {
    return [...this.#links].filter((link) => link.id === id && link.isOpen)
  }

  #postNow(channel: string, text: string): void {
    let line: string | undefined
    const reached = new Set<string>()
    for (const link of this.#links) {
      if (!link.isOpen || (link.isGreeted && !link.channels.has(channel))) continue
      if (link.id !== undefined) {
        if (reached.has(link.id)) continue
        reached.add(link.id)
      }
      line ??= encodePeerMessage(['msg', channel, text])
      link.post(channel, line)
    }
  }

  async #leave(): Promise<void> {
    await this.#started?.catch(() => {})
    await this.#returning?.catch(() => {})
    this.#unwatch()
    // The socket goes before the links: whoever looks why a link closed must not find it.
    this.#server?.close()
    if (this.#server !== undefined) await this.#folder?.leave(this.id, this.holds.size > 0)
    await Promise.all([...this.#links].map((link) => link.close()))
  }
}

async function provenDead(holders: readonly string[]): Promise<readonly string[]> {
  const proofs = await Promise.all(holders.map((holder) => isProvenDead(holder.split('.')[2] ?? '')))
  return holders.filter((_, index) => proofs[index])
}
