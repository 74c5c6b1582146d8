/** One child of a pool: its lane, and what the pool has to know of it. */
import { type Failure, failureFrom } from '@lovage/core'
import { deferred } from './deferred.ts'
import type { Death, Lane, OpenLane } from './lane.ts'
import { type FromChild, readMessage, type ToChild } from './protocol.ts'

/** What the children of one pool are. */
export interface ChildKind {
  readonly name: 'threads' | 'processes'
  /** One of them, in an error message. */
  readonly noun: 'thread' | 'process'
  readonly open: OpenLane
}

/** What a child tells its pool, never before its constructor has returned. */
export interface ChildListener {
  message(child: PoolChild, message: FromChild): void
  /** It has gone; called once, nothing follows. */
  gone(child: PoolChild, failure: Failure): void
}

/** How long, in milliseconds, a child that was asked to exit may take before it is killed. */
const exitGraceMs = 3000

export class PoolChild {
  readonly slot: number
  /** Its modules are loaded. */
  ready = false
  /** The run that it has, if any. */
  run: number | undefined
  /** Resolves when it has gone. */
  readonly closed: Promise<void>
  readonly #kind: ChildKind
  readonly #modules: readonly string[]
  readonly #lane: Lane | undefined
  /** What it said about its death before it died. */
  #uncaught: Failure | undefined

  /** Starts it; it loads the modules at once. */
  constructor(slot: number, kind: ChildKind, modules: readonly string[], listener: ChildListener) {
    const closed = deferred()
    const exit = (death: Death) => {
      closed.resolve()
      listener.gone(this, this.#died(death))
    }
    this.slot = slot
    this.closed = closed.promise
    this.#kind = kind
    this.#modules = modules
    try {
      this.#lane = kind.open({ message: (data) => this.#receive(data, listener), exit })
    } catch (error) {
      // Later, as every other death, so that whoever asked for the child has made a note of it.
      queueMicrotask(() => exit({ got: failureFrom(error).message }))
    }
    this.post({ type: 'load', modules })
  }

  /** The thread's or process's id; undefined where none could be started. */
  get id(): number | undefined {
    return this.#lane?.id
  }

  /** Takes text for a message that was encoded before. */
  post(message: ToChild | string): void {
    this.#lane?.post(typeof message === 'string' ? message : JSON.stringify(message))
  }

  kill(): void {
    this.#lane?.kill()
  }

  /** Lets an idle child exit by itself, so that what it has opened is closed. */
  dismiss(): void {
    this.post({ type: 'stop' })
    const timer = setTimeout(() => this.kill(), exitGraceMs)
    void this.closed.then(() => clearTimeout(timer))
  }

  #receive(data: unknown, listener: ChildListener): void {
    const message = readMessage<FromChild>(data)
    if (message?.type === 'uncaught') this.#uncaught = message.failure
    else if (message !== undefined) listener.message(this, message)
  }

  #died({ got, code, uncaught = this.#uncaught }: Death): Failure {
    const { noun } = this.#kind
    const who = this.id === undefined ? `a ${noun}` : `${noun} ${this.id}`
    const duty = this.ready ? 'live until the end of its run' : `start and load ${this.#modules.join(', ')}`
    const reason = uncaught === undefined ? got : `an uncaught ${uncaught.name}: ${uncaught.message} (${got})`
    return {
      name: noun === 'thread' ? 'ThreadDied' : 'ProcessDied',
      message: `expected ${who} to ${duty}, got: ${reason}`,
      ...(code === undefined ? {} : { code }),
      ...(uncaught === undefined ? {} : { cause: uncaught }),
    }
  }
}
