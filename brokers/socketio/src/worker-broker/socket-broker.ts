/** A broker over socket.io: a Worker behind a firewall works for a Lovage server with everything that it has. */
import { hostname } from 'node:os'
import {
  type Broker,
  ConfigError,
  type ConsumeOptions,
  type Consumer,
  type ConsumerListener,
  type ControlBus,
  type ControlHandler,
  type ControlReply,
  checkOptionNames,
  type EventBus,
  type OptionNames,
  type RequestOptions,
  type Results,
  type SendReceipt,
  type SendWait,
  StoreError,
  type TaskBus,
  type TaskMessage,
  type WorkerEvent,
} from '@lovage/core'
import { batches } from '../wire/batch.ts'
import { type CommandReply, decodeCommand } from '../wire/buses.ts'
import { limits } from '../wire/limits.ts'
import { eventNames } from '../wire/names.ts'
import { resultsOver } from './asking-results.ts'
import { Gather } from './gather.ts'
import type { Line } from './line.ts'
import { Lobby } from './lobby.ts'
import { sendOn } from './sending.ts'
import { checkServerUrl } from './server-url.ts'
import { SocketConsumer } from './socket-consumer.ts'

export interface SocketBrokerOptions {
  /** Of a Lovage server, `http:` or `https:`. Use `https:` with a token outside of one machine. */
  readonly url: string
  /** What the server lets the worker in for. Default: none, which a server on this machine may take. */
  readonly token?: string | undefined
}

/** An event on its way. */
interface Told {
  readonly event: WorkerEvent
  readonly bytes: number
}

type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string }

const optionNames: OptionNames<SocketBrokerOptions> = { url: true, token: true }

/**
 * Connects to a Lovage server. What a worker does not see there (other workers, events, cancellation) is UNSUPPORTED.
 * @throws {ConfigError} OPTION_INVALID; AUTHENTICATION_FAILED, SCOPES_INSUFFICIENT for a token that the server does not take
 * @throws {StoreError} STORE_UNAVAILABLE when the server does not answer
 */
export async function createSocketBroker(options: SocketBrokerOptions): Promise<Broker> {
  checkOptionNames(options, optionNames, 'createSocketBroker')
  const { url, token } = options
  checkServerUrl(url)
  // A token is never shown.
  if (token !== undefined && typeof token !== 'string') {
    throw new ConfigError('OPTION_INVALID', `expected \`token\` to be a text, got: ${typeof token}`)
  }
  const lobby = new Lobby(url, token)
  await lobby.reach()
  return new SocketBroker(url, token, lobby)
}

class SocketBroker implements Broker, TaskBus, ControlBus, EventBus {
  readonly name = 'socketio'
  readonly tasks: TaskBus = this
  readonly control: ControlBus = this
  readonly events: EventBus = this
  readonly results: Results
  /** Whether someone listens is known at the server alone. */
  readonly knowsListeners = false
  readonly #url: string
  readonly #token: string | undefined
  readonly #lobby: Lobby
  readonly #consumers = new Set<SocketConsumer>()
  readonly #handlers = new Map<string, ControlHandler>()
  readonly #told = new Gather<Told>((told) => this.#tell(told))
  readonly #ended = new AbortController()
  #closing: Promise<void> | undefined

  constructor(url: string, token: string | undefined, lobby: Lobby) {
    this.#url = url
    this.#token = token
    this.#lobby = lobby
    this.results = resultsOver(() => this.#anyLine(), this.#ended.signal)
  }

  async consume(options: ConsumeOptions, listener: ConsumerListener): Promise<Consumer> {
    this.#checkOpen()
    const consumer = new SocketConsumer({
      ...{ url: this.#url, token: this.#token, host: hostname(), pid: process.pid, options, listener },
      command: (args) => void this.#obey(options.worker, args),
      closed: (closed) => this.#consumers.delete(closed),
    })
    this.#consumers.add(consumer)
    // One connection is enough.
    this.#lobby.leave()
    try {
      await consumer.open()
    } catch (error) {
      this.#consumers.delete(consumer)
      await consumer.close()
      throw error
    }
    return consumer
  }

  async send(messages: readonly TaskMessage[], options: SendWait = {}): Promise<readonly SendReceipt[]> {
    this.#checkOpen()
    return messages.length === 0 ? [] : sendOn(() => this.#anyLine(), messages, options.signal)
  }

  cancel(): Promise<readonly boolean[]> {
    return this.#refuse('cancellation of tasks')
  }

  async serve(worker: string, handler: ControlHandler): Promise<() => Promise<void>> {
    this.#handlers.set(worker, handler)
    return async () => {
      if (this.#handlers.get(worker) === handler) this.#handlers.delete(worker)
    }
  }

  /** Only who is here answers. A worker that says hello hears nobody: what was revoked, the server knows. */
  async request(
    method: string,
    args: Readonly<Record<string, unknown>>,
    { destination }: RequestOptions = {},
  ): Promise<readonly ControlReply[]> {
    if (method === 'hello') return []
    if (destination === undefined || destination.some((worker) => !this.#handlers.has(worker))) {
      return this.#refuse('remote control of other workers')
    }
    return Promise.all(
      [...new Set(destination)].map(
        async (worker): Promise<ControlReply> => ({ worker, ...(await this.#reply(worker, method, args)) }),
      ),
    )
  }

  emit(event: WorkerEvent): void {
    if (!this.wanted()) return
    try {
      const bytes = Buffer.byteLength(JSON.stringify(event))
      if (bytes <= limits.payloadBytes) this.#told.add({ event, bytes })
    } catch {
      // An event that cannot be written is dropped, as one to which nobody listens.
    }
  }

  wanted(): boolean {
    return [...this.#consumers].some(({ line }) => line.isUp)
  }

  async capture(patterns: readonly string[]): Promise<() => Promise<void>> {
    // Workers ask for each other's events: here nobody sees others.
    if (patterns.every((pattern) => pattern === 'worker-*')) return async () => {}
    return this.#refuse('events')
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#told.now()
    this.#ended.abort(closed())
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    this.#lobby.close(closed())
  }

  #anyLine(): Line {
    for (const { line } of this.#consumers) if (line.isUp) return line
    const [consumer] = this.#consumers
    return consumer !== undefined && !consumer.line.isOver ? consumer.line : this.#lobby.line()
  }

  #tell(told: readonly Told[]): void {
    const up = [...this.#consumers].find(({ line }) => line.isUp)
    for (let at = 0; at < told.length; at += limits.batch) {
      for (const batch of batches(told.slice(at, at + limits.batch), ({ bytes }) => bytes + 1)) {
        up?.line.say(eventNames.events, [batch.map(({ event }) => event)])
      }
    }
  }

  async #obey(worker: string, args: readonly unknown[]): Promise<void> {
    const last = args.at(-1)
    const answer = (reply: CommandReply): void => {
      if (typeof last === 'function') last(reply)
    }
    const command = decodeCommand(args)
    if (command.ok) answer(await this.#reply(worker, command.frame.method, command.frame.args))
    else answer({ ok: false, error: command.reason })
  }

  async #reply(worker: string, method: string, args: Readonly<Record<string, unknown>>): Promise<Reply> {
    const handler = this.#handlers.get(worker)
    if (handler === undefined) return { ok: false, error: `worker ${worker} takes no commands` }
    try {
      // As it will be read: what is no JSON is told here.
      return { ok: true, value: JSON.parse(JSON.stringify((await handler(method, args)) ?? null)) as unknown }
    } catch (error) {
      return { ok: false, error: error instanceof Error ? error.message : String(error) }
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closed()
  }

  #refuse(what: string): Promise<never> {
    const message = `expected a broker that shows ${what}, got ${this.#url}, which shows a worker its own tasks alone; connect to the store of that server instead`
    return Promise.reject(new ConfigError('UNSUPPORTED', message))
  }
}

function closed(): StoreError {
  return new StoreError('STORE_CLOSED', 'expected an open broker, got one that was closed; connect again')
}
