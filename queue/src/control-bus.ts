/** The control bus over the Signal: requests to all workers on one channel, replies on one of the asker's own. */
import { type ControlBus, type ControlHandler, type ControlReply, matchesPattern, type RequestOptions } from '@lovage/core'
import { controlChannel, replyChannel } from './channels.ts'
import type { Engine } from './engine.ts'
import { encodePayload } from './payload.ts'
import type { WorkerRegistry } from './worker-registry.ts'

interface Request {
  readonly ticket: string
  readonly method: string
  readonly args: Readonly<Record<string, unknown>>
  readonly destination?: readonly string[] | undefined
  readonly pattern?: string | undefined
}

/** A reply with a mark of its own: a signal may bring a second copy. Workers of older versions give none. */
type MarkedReply = ControlReply & { readonly mark?: string }

const defaultTimeoutMs = 1000
/** Copies come within moments of one another. */
const mostRemembered = 1000

export class SignalControlBus implements ControlBus {
  readonly #engine: Engine
  readonly #registry: WorkerRegistry
  readonly #closing = new AbortController()

  constructor(engine: Engine, registry: WorkerRegistry) {
    this.#engine = engine
    this.#registry = registry
  }

  async serve(worker: string, handler: ControlHandler): Promise<() => Promise<void>> {
    const isNew = firstOf()
    const end = await this.#engine.signal.subscribe(controlChannel, (message) => {
      const request = JSON.parse(message) as Request
      if (isAddressed(request, worker) && isNew(request.ticket)) void this.#answer(request, worker, handler)
    })
    return async () => end()
  }

  async request(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options: RequestOptions = {},
  ): Promise<readonly ControlReply[]> {
    const { destination, pattern, timeoutMs = defaultTimeoutMs, limit = Number.POSITIVE_INFINITY } = options
    const closing = this.#closing.signal
    const given = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing])
    given.throwIfAborted()
    const ticket = this.#engine.newId()
    const request: Request = { ticket, method, args, destination, pattern }
    const message = encodePayload(request, Number.POSITIVE_INFINITY, () => `arguments of ${method}`)
    const expected = await this.#expected(destination, pattern)
    const collected = new Collector(expected, limit)
    const isNew = firstOf()
    const end = await this.#engine.signal.subscribe(replyChannel(ticket), (message) => {
      const { mark, ...reply } = JSON.parse(message) as MarkedReply
      if (mark === undefined || isNew(mark)) collected.add(reply)
    })
    if (given.aborted) {
      end()
      throw given.reason
    }
    const abort = (): void => collected.fail(given.reason)
    given.addEventListener('abort', abort)
    const cancel = this.#engine.clock.at(this.#engine.clock.now() + timeoutMs, () => collected.finish())
    this.#engine.signal.publish(controlChannel, message)
    const letGo = this.#engine.keepAlive.hold()
    return collected.done.finally(() => {
      letGo()
      cancel()
      given.removeEventListener('abort', abort)
      end()
    })
  }

  /** Ends what is asked, with this error; so ends whatever is asked after it. */
  close(error: Error): void {
    this.#closing.abort(error)
  }

  /**
   * The names of the workers that should answer, so that nobody waits for the time-out when all of them have; as often as there
   * are workers of that name.
   */
  async #expected(destination: readonly string[] | undefined, pattern: string | undefined): Promise<readonly string[]> {
    const names = (await this.#registry.alive()).map((info) => info.name)
    const addressed = pattern === undefined ? names : names.filter((name) => matchesPattern(pattern, name))
    if (destination === undefined) return addressed
    return [...new Set(destination)].flatMap((name) => {
      const alike = addressed.filter((other) => other === name)
      return alike.length === 0 ? [name] : alike
    })
  }

  async #answer(request: Request, worker: string, handler: ControlHandler): Promise<void> {
    let reply: string
    const mark = this.#engine.newId()
    try {
      reply = replyText({ mark, worker, ok: true, value: (await handler(request.method, request.args)) ?? null })
    } catch (error) {
      reply = replyText({ mark, worker, ok: false, error: error instanceof Error ? error.message : String(error) })
    }
    this.#engine.signal.publish(replyChannel(request.ticket), reply)
  }
}

/** Tells the first of each mark from its copies. */
function firstOf(): (mark: string) => boolean {
  const seen = new Set<string>()
  return (mark) => {
    if (seen.has(mark)) return false
    if (seen.size >= mostRemembered) seen.clear()
    seen.add(mark)
    return true
  }
}

/** @throws {TypeError} when the value is not JSON */
function replyText(reply: MarkedReply): string {
  return JSON.stringify(reply)
}

function isAddressed(request: Request, worker: string): boolean {
  if (request.destination !== undefined && !request.destination.includes(worker)) return false
  return request.pattern === undefined || matchesPattern(request.pattern, worker)
}

/** Gathers replies until everybody expected has answered, the limit is reached or `finish` is called. */
class Collector {
  readonly done: Promise<readonly ControlReply[]>
  readonly #replies: ControlReply[] = []
  readonly #missing: string[]
  readonly #limit: number
  #resolve: (replies: readonly ControlReply[]) => void = () => {}
  /** Ends the wait with this error, unless it has ended. */
  fail: (reason: unknown) => void = () => {}

  constructor(expected: readonly string[], limit: number) {
    this.#missing = [...expected]
    this.#limit = limit
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.fail = reject
    })
  }

  add(reply: ControlReply): void {
    this.#replies.push(reply)
    const place = this.#missing.indexOf(reply.worker)
    if (place >= 0) this.#missing.splice(place, 1)
    if ((place >= 0 && this.#missing.length === 0) || this.#replies.length >= this.#limit) this.finish()
  }

  finish(): void {
    this.#resolve([...this.#replies])
  }
}
