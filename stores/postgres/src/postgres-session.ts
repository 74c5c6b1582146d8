/** The one connection of a process on which it hears and holds: joined on first use, and joined again for ever. */
import { ConfigError, type LovageError, StoreError } from '@lovage/core'
import type { ClientConfig } from 'pg'
import { backoffMs } from './backoff.ts'
import { Line, type LineOptions, type Query, unavailable } from './line.ts'
import { isSharedByPooler } from './pooler.ts'

export interface SessionOptions {
  readonly connection: ClientConfig
  /** Sessions of one schema hear each other. */
  readonly schema: string
  /** A host that vanishes without a word is missed after three of these. Default 5000. */
  readonly heartbeatMs?: number
  /** Wake-ups and the notice of crashes are lost. Called once until `onBack`. */
  readonly onTrouble?: (error: LovageError) => void
  /** They are back; what was said meanwhile is lost. */
  readonly onBack?: () => void
}

/** Who lives on the session and moves with it to the next connection. */
export interface Lodger {
  /** A connection is there: listen, take locks. */
  enter(run: Query): Promise<void>
  hear(channel: string, payload: string): void
  /** The connection is gone, and with it all locks. */
  leave(): void
  /** All have entered again after a loss; what was said meanwhile is lost. */
  back?(): void
}

export class PostgresSession {
  readonly schema: string
  readonly heartbeatMs: number
  readonly #options: SessionOptions
  /** And how far each has got on this connection. */
  readonly #lodgers = new Map<Lodger, Promise<void>>()
  #line: Line | undefined
  #joining: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isInTrouble = false
  #isPooled = false
  #isClosed = false

  constructor(options: SessionOptions) {
    this.#options = options
    this.schema = options.schema
    this.heartbeatMs = options.heartbeatMs ?? 5000
  }

  get isUp(): boolean {
    return this.#line !== undefined
  }

  /** A pooler lends the connection to others between statements: nothing can be heard or held on it. */
  get isPooled(): boolean {
    return this.#isPooled
  }

  /** The server's process for this session; 0 while there is none. */
  get pid(): number {
    return this.#line?.pid ?? 0
  }

  /** After a restart of the server everybody has so long to come back: an attempt to connect comes at least every heartbeat. */
  get graceMs(): number {
    return this.heartbeatMs * 3
  }

  /** What a second connection of this process needs. */
  get lineOptions(): LineOptions {
    return { connection: this.#options.connection, heartbeatMs: this.heartbeatMs }
  }

  /**
   * Resolves when the session is there, or is known not to be possible (`isPooled`).
   * @throws {StoreError} STORE_UNAVAILABLE when this attempt failed; after a first success others follow by themselves
   */
  async join(): Promise<void> {
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', 'expected an open session, got a closed one')
    if (this.isUp || this.#isPooled) return
    this.#joining ??= this.#connect().finally(() => {
      this.#joining = undefined
    })
    await this.#joining
  }

  /** Resolves when the lodger has entered; from then on it is on every connection. */
  async lodge(lodger: Lodger): Promise<void> {
    await this.join()
    const line = this.#line
    if (line === undefined) return
    let entering = this.#lodgers.get(lodger)
    if (entering === undefined) {
      entering = lodger.enter(runOn(line))
      this.#lodgers.set(lodger, entering)
      entering.catch(() => {
        if (this.#lodgers.get(lodger) === entering) this.#lodgers.delete(lodger)
      })
    }
    await entering
  }

  dislodge(lodger: Lodger): void {
    this.#lodgers.delete(lodger)
  }

  /** @throws {StoreError} STORE_UNAVAILABLE while there is no connection, or when it is lost meanwhile */
  run: Query = async (text, values) => {
    if (this.#line === undefined) throw unavailable('expected a session of PostgreSQL, got none at this time')
    return this.#line.run(text, values)
  }

  /** May be called twice. What was held is let go. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const line = this.#line
    this.#line = undefined
    await this.#joining?.catch(() => {})
    await line?.end()
  }

  async #connect(): Promise<void> {
    const line: Line = await Line.open(this.lineOptions, {
      notification: (channel, payload) => {
        for (const lodger of this.#lodgers.keys()) lodger.hear(channel, payload)
      },
      lost: (cause) => {
        if (this.#line === line) this.#lose(cause)
      },
    })
    try {
      if (line.isPooled && (await isSharedByPooler(line, this.lineOptions))) return await this.#giveUp(line)
      await line.settle()
      for (const lodger of this.#lodgers.keys()) {
        const entering = lodger.enter(runOn(line))
        this.#lodgers.set(lodger, entering)
        await entering
      }
      if (line.isLost) throw unavailable('the session was lost as it began')
    } catch (error) {
      await line.end()
      for (const lodger of this.#lodgers.keys()) lodger.leave()
      throw StoreError.is(error, 'STORE_UNAVAILABLE') ? error : unavailable('expected a session of PostgreSQL', error)
    }
    if (this.#isClosed) return await line.end()
    this.#line = line
    if (!this.#isInTrouble) return
    this.#isInTrouble = false
    for (const lodger of this.#lodgers.keys()) lodger.back?.()
    this.#options.onBack?.()
  }

  #lose(cause: Error): void {
    this.#line = undefined
    for (const lodger of this.#lodgers.keys()) lodger.leave()
    this.#complain(unavailable('wake-ups and the notice of crashes are lost for now', cause))
    this.#return(0)
  }

  #return(attempt: number): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(
      () => this.join().catch(() => this.#return(attempt + 1)),
      backoffMs(attempt, this.heartbeatMs, Math.random()),
    )
    this.#timer.unref()
  }

  async #giveUp(line: Line): Promise<void> {
    this.#isPooled = true
    await line.end()
    this.#complain(
      new ConfigError(
        'UNSUPPORTED',
        'expected a connection of its own, got one that a pooler shares between transactions: there are no wake-ups and no' +
          ' notice of crashes, work is found by slow checks and by ended leases; give the address of the server itself',
      ),
    )
  }

  #complain(error: LovageError): void {
    if (this.#isInTrouble || this.#isClosed) return
    this.#isInTrouble = true
    this.#options.onTrouble?.(error)
  }
}

function runOn(line: Line): Query {
  return (text, values) => line.run(text, values)
}
