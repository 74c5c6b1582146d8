/** One pair of connections to Redis: one that asks, one that listens. When either is lost, both are. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { ConfigError, LovageError, StoreError } from '@lovage/core'
import { type Question, type RedisArgument, type RedisCommand, RedisConnection } from './redis-connection.ts'
import type { LinkSettings } from './redis-options.ts'
import { type RedisScript, redisScripts } from './redis-scripts.ts'
import { type Reply, RespError } from './resp-reader.ts'

/** What an inbox hears. */
export interface InboxListener {
  message(channel: string, payload: Buffer): void
  /** Of a channel that a pattern matched. */
  patternMessage(pattern: string, text: string): void
  /** Something happened to keys that were watched; undefined: to all of them. */
  invalidated(keys: readonly string[] | undefined): void
}

/** The connection broke before Redis answered: nobody knows whether it did what it was asked. */
export class LineLost extends Error {}

/** After a failover another server is the one that takes writes: the way to it begins with a new connection. */
const elsewhere = /^(READONLY|LOADING|MASTERDOWN) /

const invalidations = '__redis__:invalidate'
const shas = Object.fromEntries(
  Object.entries(redisScripts).map(([name, text]) => [name, createHash('sha1').update(text).digest('hex')]),
) as Readonly<Record<RedisScript, string>>

export class RedisLine {
  readonly #settings: LinkSettings
  readonly #asking: RedisConnection
  readonly #inbox: RedisConnection
  readonly #onLost: (error: Error) => void
  /** Asked since the last flush. */
  #questions: Question[] = []
  readonly #flushes = new Set<() => void>()
  #isScheduled = false
  #loss: Error | undefined
  #isUp = false

  private constructor(settings: LinkSettings, listener: InboxListener, onLost: (error: Error) => void) {
    this.#settings = settings
    this.#onLost = onLost
    const closed = (error: Error): void => {
      this.#loss ??= error
      this.#lose(new LineLost('Redis closed the connection'))
    }
    this.#asking = new RedisConnection(settings, { closed })
    this.#inbox = new RedisConnection(settings, { told: (kind, parts) => hear(listener, kind, parts), closed })
  }

  /**
   * Connects, and waits until Redis has loaded its data.
   * @throws {StoreError} STORE_UNAVAILABLE
   * @throws {ConfigError} UNSUPPORTED by a Redis older than 6; OPTION_INVALID where it has no such database
   */
  static async open(settings: LinkSettings, listener: InboxListener, onLost: (error: Error) => void): Promise<RedisLine> {
    const line = new RedisLine(settings, listener, onLost)
    try {
      await Promise.all([line.#asking.open('lovage'), line.#inbox.open('lovage-inbox')])
      await line.#prepare()
      line.#isUp = true
      return line
    } catch (error) {
      line.end()
      throw LovageError.is(error) ? error : unreachable(settings, line.#loss ?? (error as Error))
    }
  }

  /**
   * Asks with everything else of this turn of the event loop.
   * @throws {LineLost} when the connection breaks before the answer
   * @throws {RespError} what Redis refuses
   * @param isRaw answer bytes where Redis answers text
   */
  ask(command: RedisCommand, isRaw = false): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#questions.push({ command, isRaw, resolve, reject: (error) => reject(this.#failure(error)) })
      this.#schedule()
    })
  }

  /** Runs a script. @param isRaw as of `ask` */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[], isRaw = false): Promise<unknown> {
    return this.#again(script, ['EVALSHA', shas[script], keys.length, ...keys, ...args], isRaw)
  }

  /** Calls back once at the end of this turn, before what was asked goes out. */
  beforeFlush(callback: () => void): void {
    this.#flushes.add(callback)
    this.#schedule()
  }

  /** What was asked goes out now, and not only at the end of this turn. */
  flush(): void {
    this.#isScheduled = false
    const callbacks = [...this.#flushes]
    this.#flushes.clear()
    for (const callback of callbacks) callback()
    const questions = this.#questions
    this.#questions = []
    if (questions.length > 0) this.#asking.send(questions)
  }

  /** Tells the listener once when something happens to one of the keys. Answers how many of them are there. */
  async watch(keys: readonly string[]): Promise<number> {
    const caching = this.ask(['CLIENT', 'CACHING', 'YES'])
    const [, count] = await Promise.all([caching, this.ask(['EXISTS', ...keys])])
    return Number(count)
  }

  async subscribe(kind: 'SUBSCRIBE' | 'PSUBSCRIBE' | 'UNSUBSCRIBE' | 'PUNSUBSCRIBE', channels: readonly string[]): Promise<void> {
    await this.#told(this.#inbox.ask([kind, ...channels]))
  }

  /** Looks whether both connections are alive; if not, the line is lost. */
  async check(afterMs: number): Promise<void> {
    const timer = setTimeout(() => {
      this.#lose(new LineLost(`no answer of Redis within ${afterMs} ms`))
    }, afterMs)
    timer.unref()
    await Promise.all([this.#asking.ask(['PING']), this.#inbox.ask(['PING'])]).catch(() => {})
    clearTimeout(timer)
  }

  /** Says what is still to be said, then goes. */
  async close(): Promise<void> {
    this.#isUp = false
    this.flush()
    await Promise.all([this.#asking.ask(['QUIT']).catch(() => {}), this.#inbox.ask(['QUIT']).catch(() => {})])
    this.end()
  }

  end(): void {
    this.#isUp = false
    this.#refuseAll()
    this.#asking.end()
    this.#inbox.end()
  }

  async #prepare(): Promise<void> {
    await this.#select()
    const scripts = Object.values(redisScripts).map((text) => this.#asking.ask(['SCRIPT', 'LOAD', text]))
    const [id] = await Promise.all([this.#inbox.ask(['CLIENT', 'ID']), this.#inbox.ask(['SUBSCRIBE', invalidations]), ...scripts])
    try {
      await this.#asking.ask(['CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'OPTIN', 'NOLOOP'])
    } catch (error) {
      const message = `expected Redis 6 or newer, which tells of changes (CLIENT TRACKING), got: ${(error as Error).message}`
      throw new ConfigError('UNSUPPORTED', message, { cause: error, subject: this.#settings.address.shown })
    }
  }

  async #select(): Promise<void> {
    const { database, shown } = this.#settings.address
    try {
      await this.#asking.ask(['SELECT', database])
    } catch (error) {
      const got = (error as Error).message
      if (!(error instanceof RespError) || !got.includes('DB index')) throw error
      const message = `expected a database that this Redis has, got: ${database} (${got}); it has as many as its setting \`databases\` says`
      throw new ConfigError('OPTION_INVALID', message, { cause: error, subject: shown })
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.flush())
  }

  async #again(script: RedisScript, command: RedisCommand, isRaw: boolean): Promise<unknown> {
    try {
      return await this.ask(command, isRaw)
    } catch (error) {
      // An operator may empty the script cache at any time; nothing was done then.
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
      const loaded = this.ask(['SCRIPT', 'LOAD', redisScripts[script]])
      return (await Promise.all([loaded, this.ask(command, isRaw)]))[1]
    }
  }

  async #told(promise: Promise<unknown>): Promise<void> {
    try {
      await promise
    } catch (error) {
      throw this.#failure(error as Error)
    }
  }

  #failure(error: Error): Error {
    if (!(error instanceof RespError)) return new LineLost(error.message, { cause: error })
    if (!elsewhere.test(error.message)) return error
    const lost = new LineLost(error.message, { cause: error })
    this.#lose(lost)
    return lost
  }

  #refuseAll(): void {
    const questions = this.#questions
    this.#questions = []
    for (const { reject } of questions) reject(new LineLost())
  }

  #lose(error: Error): void {
    const wasUp = this.#isUp
    this.end()
    if (wasUp) this.#onLost(unreachable(this.#settings, this.#loss ?? error))
  }
}

/** What was watched is told on the other connection, as a message. */
function hear(listener: InboxListener, kind: string, [first, second, third]: readonly Reply[]): void {
  if (kind === 'pmessage') listener.patternMessage(String(first), String(third))
  else if (String(first) === invalidations) listener.invalidated(Array.isArray(second) ? second.map(String) : undefined)
  else if (Buffer.isBuffer(second)) listener.message(String(first), second)
}

function unreachable({ address }: LinkSettings, cause: Error): StoreError {
  const message = `expected Redis at ${address.shown}, got: ${cause.message === '' ? cause.name : cause.message}`
  return new StoreError('STORE_UNAVAILABLE', message, { cause, subject: address.shown })
}
