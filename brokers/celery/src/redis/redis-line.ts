/** One pair of connections to Redis: one that asks, one that listens. When either is lost, both are. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { ConfigError, LovageError, StoreError } from '@lovage/core'
import { Redis, ReplyError } from 'ioredis'
import { connectorTo } from './redis-connector.ts'
import type { LinkSettings } from './redis-options.ts'
import { type RedisScript, redisScripts } from './redis-scripts.ts'

/** A command with its arguments. */
export type RedisCommand = readonly [name: string, ...args: RedisArgument[]]
export type RedisArgument = string | number | Buffer

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

interface Question {
  readonly command: RedisCommand
  /** Answer bytes where Redis answers text. */
  readonly isRaw: boolean
  resolve(answer: unknown): void
  reject(error: Error): void
}

export class RedisLine {
  readonly #settings: LinkSettings
  readonly #asking: Redis
  readonly #inbox: Redis
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
    this.#asking = connection(settings, 'lovage')
    this.#inbox = connection(settings, 'lovage inbox')
    for (const redis of [this.#asking, this.#inbox]) {
      // What it is about comes before `close`.
      redis.on('error', (error: Error) => {
        this.#loss ??= error
      })
      redis.on('close', () => this.#lose(new LineLost('Redis closed the connection')))
    }
    this.#inbox.on('messageBuffer', (channel: Buffer, payload: Buffer | Buffer[] | null) => {
      if (channel.toString() === invalidations) listener.invalidated(Array.isArray(payload) ? payload.map(String) : undefined)
      else if (Buffer.isBuffer(payload)) listener.message(channel.toString(), payload)
    })
    this.#inbox.on('pmessageBuffer', (pattern: Buffer | string, _channel: Buffer, payload: Buffer) => {
      listener.patternMessage(String(pattern), String(payload))
    })
  }

  /**
   * Connects, and waits until Redis has loaded its data.
   * @throws {StoreError} STORE_UNAVAILABLE
   * @throws {ConfigError} UNSUPPORTED by a Redis older than 6; OPTION_INVALID where it has no such database
   */
  static async open(settings: LinkSettings, listener: InboxListener, onLost: (error: Error) => void): Promise<RedisLine> {
    const line = new RedisLine(settings, listener, onLost)
    try {
      await Promise.all([line.#asking.connect(), line.#inbox.connect()])
      // From here on `check` sees to it.
      for (const redis of [line.#asking, line.#inbox]) delete redis.options.socketTimeout
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
   * @throws {ReplyError} what Redis refuses, as ioredis has it
   * @param isRaw answer bytes where Redis answers text
   */
  ask(command: RedisCommand, isRaw = false): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#questions.push({ command, isRaw, resolve, reject })
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
    if (questions.length === 0) return
    const pipeline = this.#asking.pipeline()
    for (const { command, isRaw } of questions) {
      if (isRaw) pipeline.callBuffer(...(command as [string]))
      else pipeline.call(...(command as [string]))
    }
    pipeline.exec().then(
      (answers) => {
        for (const [index, { resolve, reject }] of questions.entries()) {
          const [error, answer] = answers?.[index] ?? [undefined, undefined]
          if (error) reject(this.#failure(error))
          else resolve(answer)
        }
      },
      (error: Error) => {
        for (const { reject } of questions) reject(this.#failure(error))
      },
    )
  }

  /** Tells the listener once when something happens to one of the keys. Answers how many of them are there. */
  async watch(keys: readonly string[]): Promise<number> {
    const caching = this.ask(['CLIENT', 'CACHING', 'YES'])
    const [, count] = await Promise.all([caching, this.ask(['EXISTS', ...keys])])
    return Number(count)
  }

  async subscribe(kind: 'SUBSCRIBE' | 'PSUBSCRIBE' | 'UNSUBSCRIBE' | 'PUNSUBSCRIBE', channels: readonly string[]): Promise<void> {
    await this.#told(this.#inbox.call(kind, ...channels))
  }

  /** Looks whether both connections are alive; if not, the line is lost. */
  async check(afterMs: number): Promise<void> {
    const timer = setTimeout(() => {
      this.#lose(new LineLost(`no answer of Redis within ${afterMs} ms`))
    }, afterMs)
    timer.unref()
    await Promise.all([this.#asking.ping(), this.#inbox.ping()]).catch(() => {})
    clearTimeout(timer)
  }

  /** Says what is still to be said, then goes. */
  async close(): Promise<void> {
    this.#isUp = false
    this.flush()
    await Promise.all([this.#asking.quit().catch(() => {}), this.#inbox.quit().catch(() => {})])
    this.end()
  }

  end(): void {
    this.#isUp = false
    this.#refuseAll()
    this.#asking.disconnect()
    this.#inbox.disconnect()
  }

  async #prepare(): Promise<void> {
    await this.#select()
    const scripts = Object.values(redisScripts).map((text) => this.#asking.script('LOAD', text))
    const [id] = await Promise.all([this.#inbox.client('ID'), this.#inbox.subscribe(invalidations), ...scripts])
    try {
      await this.#asking.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'OPTIN', 'NOLOOP')
    } catch (error) {
      const message = `expected Redis 6 or newer, which tells of changes (CLIENT TRACKING), got: ${(error as Error).message}`
      throw new ConfigError('UNSUPPORTED', message, { cause: error, subject: this.#settings.address.shown })
    }
  }

  /** ioredis stays on database 0, and says nothing, where there is no such database. */
  async #select(): Promise<void> {
    const { database, shown } = this.#settings.address
    try {
      await this.#asking.select(database)
    } catch (error) {
      const got = (error as Error).message
      if (!(error instanceof ReplyError) || !got.includes('DB index')) throw error
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
    if (!(error instanceof ReplyError)) return new LineLost(error.message, { cause: error })
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

/** Reconnecting, and what is asked meanwhile, is the link's: ioredis would send again what was not answered. */
function connection({ address, connectMs }: LinkSettings, name: string): Redis {
  const { username, password, database, tls } = address
  return new Redis({
    Connector: connectorTo(address),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    db: database,
    // What was watched is told on the other connection, which RESP3 would do in a way that ioredis does not pass on.
    protocol: 2,
    connectionName: `${name.replaceAll(' ', '-')}-${process.pid}`,
    connectTimeout: connectMs,
    // Something that takes connections and never says a word is no Redis.
    socketTimeout: connectMs,
    keepAlive: 30_000,
    noDelay: true,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    disableClientInfo: true,
  })
}

function unreachable({ address }: LinkSettings, cause: Error): StoreError {
  const message = `expected Redis at ${address.shown}, got: ${cause.message === '' ? cause.name : cause.message}`
  return new StoreError('STORE_UNAVAILABLE', message, { cause, subject: address.shown })
}
