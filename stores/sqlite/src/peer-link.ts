/** One connection to a peer: lines in and out, acks, and what the peer said about itself. */
import type { Socket } from 'node:net'
import { decodePeerMessage, encodePeerMessage, lineLimit, type PeerMessage } from './peer-protocol.ts'

/** A peer that takes its messages slower than they come gets none while so many bytes wait for it. */
const bufferLimit = 8 * 1024 * 1024

/** Nobody waits longer for the word of a peer, and only once: one that is frozen hears where things stand when it thaws. */
export const patienceMs = 1000

/** What a peer says about itself: the channels that it listens to and the holders that live in it. */
export interface PeerFacts {
  readonly channels: Iterable<string>
  readonly holds: Iterable<string>
}

/** What the mesh wants to hear from its links, and what they ask of it. */
export interface LinkEvents {
  /** This process as of now, for a peer that was not told of every change. */
  readonly facts: PeerFacts
  /** The peer has said who it is; `link.id` is set. */
  greeted(link: PeerLink): void
  message(channel: string, text: string): void
  closed(link: PeerLink): void
}

/** What the mesh knows of a peer that it dials. */
export interface LinkStart {
  readonly dialled: boolean
  /** Known beforehand when this side dialled. */
  readonly id?: string | undefined
  /** What the peer held when the link before this one closed. */
  readonly holds?: ReadonlySet<string> | undefined
  /** How many links to this peer closed before it said hello. */
  readonly attempt?: number | undefined
}

export class PeerLink {
  readonly dialled: boolean
  readonly attempt: number
  /** Its subscriptions and holders, as far as this link was told. */
  readonly channels = new Set<string>()
  holds: Set<string>
  id: string | undefined
  /** The peer broke the protocol. */
  isBroken = false
  readonly #socket: Socket
  readonly #events: LinkEvents
  readonly #acks = new Map<number, (isHeard: boolean) => void>()
  readonly #greeted: Promise<void>
  #tellGreeted: () => void = () => {}
  #isGreeted = false
  #isEnded = false
  #isCorked = false
  #isMute = false
  /** The peer was mute when something about this process changed. */
  #isBehind = false
  #count = 0
  #rest = ''
  /** Messages to a peer whose subscriptions are not known yet. */
  #early: { readonly channel: string; readonly line: string }[] = []
  #earlyLength = 0
  #hasDropped = false

  constructor(socket: Socket, start: LinkStart, events: LinkEvents) {
    this.dialled = start.dialled
    this.attempt = start.attempt ?? 0
    this.id = start.id
    this.holds = new Set(start.holds)
    this.#socket = socket
    this.#events = events
    this.#greeted = new Promise((resolve) => {
      this.#tellGreeted = resolve
    })
    socket.unref()
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => this.#read(chunk))
    // The close that follows says all that matters.
    socket.on('error', () => {})
    socket.on('end', () => {
      this.#isEnded = true
    })
    socket.on('close', () => this.#closed())
  }

  /** Whether the peer has said who it is. */
  get isGreeted(): boolean {
    return this.#isGreeted
  }

  /** Whether the peer owes an answer for longer than anyone waits, and has said nothing since. */
  get isMute(): boolean {
    return this.#isMute
  }

  /** Whether messages may still go out on it. */
  get isOpen(): boolean {
    return !this.#isEnded
  }

  /** Says who this process is; everything else comes after. */
  hello(id: string): Promise<void> {
    const { channels, holds } = this.#events.facts
    return this.tell((ack) => ['hello', ack, id, [...channels], [...holds]])
  }

  /**
   * Says something about this process. Resolves when the peer has taken it in, is gone, or does not answer in time; a mute
   * peer is told everything at once when it speaks again.
   */
  async tell(build: (ack: number) => PeerMessage): Promise<void> {
    if (this.#isEnded) return
    if (this.#isMute) this.#isBehind = true
    else await this.#ask(build)
  }

  /** Whether the peer has taken in, and answered to, everything said so far. A mute peer is not waited for. */
  async sync(): Promise<boolean> {
    return !this.#isMute && !this.#isEnded && (await this.#ask((ack) => ['sync', ack]))
  }

  /** Resolves when the peer has said who it is, is gone, or does not answer in time. */
  async greeting(): Promise<void> {
    if (!this.#isMute) await withPatience(this.#greeted)
  }

  /** Sends a message if the peer listens; keeps it until that is known, but not for a mute peer and not without bound. */
  post(channel: string, line: string): void {
    if (this.#isGreeted) {
      if (this.channels.has(channel)) this.#postNow(line)
    } else if (this.#isMute) return
    else if (this.#earlyLength + line.length > bufferLimit) this.#drop()
    else {
      this.#early.push({ channel, line })
      this.#earlyLength += line.length
    }
  }

  /** Ends this side once everything is written; what the peer still sends is read. */
  end(): void {
    this.#isEnded = true
    this.#socket.end()
  }

  /** Lets what is written go out, then closes. */
  async close(): Promise<void> {
    if (this.#early.length > 0) await this.greeting()
    // A peer that is busy for a while finds what came early when it reads again, though nobody is there any more.
    for (const { line } of this.#early.splice(0)) this.#write(line)
    this.#isEnded = true
    await withPatience(new Promise((resolve) => this.#socket.end(() => resolve())))
    this.#socket.destroy()
  }

  #ask(build: (ack: number) => PeerMessage): Promise<boolean> {
    const ack = ++this.#count
    this.#write(encodePeerMessage(build(ack)))
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#giveUp(), patienceMs)
      this.#acks.set(ack, (isHeard) => {
        clearTimeout(timer)
        resolve(isHeard)
      })
    })
  }

  /** Nobody waits for this peer any more, whatever they asked. */
  #giveUp(): void {
    this.#isMute = true
    this.#settle()
    this.#tellGreeted()
  }

  #settle(): void {
    for (const settle of this.#acks.values()) settle(false)
    this.#acks.clear()
  }

  #speaks(): void {
    this.#isMute = false
    if (!this.#isBehind) return
    this.#isBehind = false
    const { channels, holds } = this.#events.facts
    void this.tell((ack) => ['facts', ack, [...channels], [...holds]])
  }

  #postNow(line: string): void {
    if (this.#socket.writableLength > bufferLimit) this.#drop()
    else this.#write(line)
  }

  /** Whoever runs the slow process wants to know; more than once it would only be noise. */
  #drop(): void {
    if (this.#hasDropped) return
    this.#hasDropped = true
    const message = `Another process (peer ${this.id ?? 'without a name'}) reads its signals slower than they come; some are dropped, and it finds out later.`
    process.emitWarning(message, { code: 'LOVAGE_SIGNALS_DROPPED' })
  }

  /** What is said in one tick goes out in one write. */
  #write(line: string): void {
    if (this.#socket.destroyed) return
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
      process.nextTick(() => {
        this.#isCorked = false
        this.#socket.uncork()
      })
    }
    this.#socket.write(line)
  }

  #read(chunk: string): void {
    // Before any answer goes out: whoever asks what this process holds must have been told.
    if (this.#isMute) this.#speaks()
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > lineLimit) this.#break()
    for (const line of lines) {
      if (this.isBroken) return
      const message = decodePeerMessage(line)
      if (message === undefined || !this.#take(message)) this.#break()
    }
  }

  /** Answers false to what breaks the protocol. */
  #take(message: PeerMessage): boolean {
    if (message[0] === 'msg') {
      this.#events.message(message[1], message[2])
      return true
    }
    if (message[0] === 'ack') {
      this.#acks.get(message[1])?.(true)
      this.#acks.delete(message[1])
      return true
    }
    if (message[0] === 'hello' && !this.#greet(message)) return false
    if (message[0] === 'facts') this.#learn(message[2], message[3])
    if (message[0] === 'sub') this.channels.add(message[2])
    if (message[0] === 'unsub') this.channels.delete(message[2])
    if (message[0] === 'hold') this.holds.add(message[2])
    if (message[0] === 'release') this.holds.delete(message[2])
    this.#write(encodePeerMessage(['ack', message[1]]))
    return true
  }

  #greet([, , id, channels, holds]: PeerMessage & { readonly 0: 'hello' }): boolean {
    if (this.#isGreeted || (this.id !== undefined && this.id !== id)) return false
    this.id = id
    this.#isGreeted = true
    this.#learn(channels, holds)
    this.#earlyLength = 0
    for (const { channel, line } of this.#early.splice(0)) this.post(channel, line)
    this.#events.greeted(this)
    this.#tellGreeted()
    return true
  }

  #learn(channels: readonly string[], holds: readonly string[]): void {
    this.channels.clear()
    for (const channel of channels) this.channels.add(channel)
    this.holds = new Set(holds)
  }

  #break(): void {
    this.isBroken = true
    this.#rest = ''
    this.#socket.destroy()
  }

  #closed(): void {
    this.#isEnded = true
    this.#settle()
    this.#tellGreeted()
    this.#events.closed(this)
  }
}

/** Waits for the promise, but not longer than the patience; meanwhile the process stays alive. */
export function withPatience(promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patienceMs)
    void promise.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
