/** One connection to a peer: lines in and out, acks, and what the peer said about itself. */
import type { Socket } from 'node:net'
import { decodePeerMessage, encodePeerMessage, lineLimit, type PeerMessage } from './peer-protocol.ts'

/** A peer that takes its messages slower than they come gets none while so many bytes wait for it. */
const bufferLimit = 8 * 1024 * 1024

/** Nobody waits longer for the word of a peer: one that is frozen hears everything when it thaws. */
export const patienceMs = 1000

/** What the mesh wants to hear from its links. */
export interface LinkEvents {
  /** The peer has said who it is; `link.id` is set. */
  greeted(link: PeerLink): void
  message(channel: string, text: string): void
  dropped(): void
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
  readonly #acks = new Map<number, () => void>()
  readonly #greeted: Promise<void>
  #tellGreeted: () => void = () => {}
  #isGreeted = false
  #isEnded = false
  #isCorked = false
  #count = 0
  #rest = ''
  /** Messages to a peer whose subscriptions are not known yet. */
  #early: { readonly channel: string; readonly line: string }[] = []

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

  /** Whether messages may still go out on it. */
  get isOpen(): boolean {
    return !this.#isEnded
  }

  /** Says something and resolves when the peer has taken it in, is gone, or does not answer in time. */
  tell(build: (ack: number) => PeerMessage): Promise<void> {
    if (this.#isEnded) return Promise.resolve()
    const ack = ++this.#count
    this.#write(encodePeerMessage(build(ack)))
    return withPatience(new Promise((resolve) => this.#acks.set(ack, resolve)))
  }

  /** As `tell`, and whether the ack came. */
  async sync(): Promise<boolean> {
    const ack = ++this.#count
    this.#write(encodePeerMessage(['sync', ack]))
    let isHeard = false
    const heard = new Promise<void>((resolve) => {
      this.#acks.set(ack, () => {
        isHeard = !this.#isEnded
        resolve()
      })
    })
    await withPatience(heard)
    return isHeard
  }

  /** Resolves when the peer has said who it is, is gone, or does not answer in time. */
  greeting(): Promise<void> {
    return withPatience(this.#greeted)
  }

  /** Sends a message if the peer listens; keeps it until that is known. */
  post(channel: string, line: string): void {
    if (!this.#isGreeted) this.#early.push({ channel, line })
    else if (this.channels.has(channel)) this.#postNow(line)
  }

  /** Ends this side once everything is written; what the peer still sends is read. */
  end(): void {
    this.#isEnded = true
    this.#socket.end()
  }

  /** Lets what is written go out, then closes. */
  async close(): Promise<void> {
    if (this.#early.length > 0) await this.greeting()
    this.#isEnded = true
    await withPatience(new Promise((resolve) => this.#socket.end(() => resolve())))
    this.#socket.destroy()
  }

  #postNow(line: string): void {
    if (this.#socket.writableLength > bufferLimit) this.#events.dropped()
    else this.#write(line)
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
      this.#acks.get(message[1])?.()
      this.#acks.delete(message[1])
      return true
    }
    if (message[0] === 'hello' && !this.#greet(message)) return false
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
    for (const channel of channels) this.channels.add(channel)
    this.holds = new Set(holds)
    for (const { channel, line } of this.#early) this.post(channel, line)
    this.#early = []
    this.#events.greeted(this)
    this.#tellGreeted()
    return true
  }

  #break(): void {
    this.isBroken = true
    this.#rest = ''
    this.#socket.destroy()
  }

  #closed(): void {
    this.#isEnded = true
    for (const settle of this.#acks.values()) settle()
    this.#acks.clear()
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
