/** The database: a pool of connections, statements that are prepared once, and errors in Lovage's words. */
import { StoreError } from '@lovage/core'
import pg from 'pg'
import { isUndone, placeOf, storeError } from './postgres-errors.ts'
import type { PostgresSettings } from './postgres-options.ts'

/** What a row is made of. */
export type Cell = string | number | boolean | null | readonly (string | number | null)[]
export type Row = readonly Cell[]

/** What goes into a statement. */
export type Value = Cell | undefined

/** A statement under the name that it is prepared by. `@.` stands for the schema. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** What goes into a statement, or what tells it once there is a connection, from how long that took (milliseconds). */
export type Values = readonly Value[] | ((waitedMs: number) => readonly Value[])

/** Runs statements: on any connection, or all on that of one transaction. */
export type Query = (statement: Statement, values?: Values) => Promise<readonly Row[]>

/** How often a call that was undone for the sake of another is done again. */
const attempts = 10

const [int8, int8Array] = [20, 1016]
/** 64-bit integers are times and counters here: all of them are exact as numbers. */
export const parsers = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === int8) return Number
    if (oid === int8Array) return (text: string) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(Number))
    return pg.types.getTypeParser(oid, format)
  },
} as pg.CustomTypesConfig

export class Database {
  readonly place: string
  readonly schema: string
  /** The most at once. */
  readonly connections: number
  readonly #pool: pg.Pool
  /** Undefined until the first connection has told whether a pooler is between. */
  #prepares: boolean | undefined
  readonly #texts = new Map<Statement, string>()
  /** Calls under way. */
  readonly #calls = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor({ url, schema, connections, prepare }: PostgresSettings) {
    this.place = placeOf(url)
    this.schema = schema
    this.connections = connections
    this.#prepares = prepare
    this.#pool = new pg.Pool({
      connectionString: url,
      max: connections,
      application_name: 'lovage',
      keepAlive: true,
      allowExitOnIdle: true,
      connectionTimeoutMillis: 10_000,
      idleTimeoutMillis: 60_000,
      types: parsers,
    })
    // A connection that breaks while it is idle is replaced with the next call, which hears why if it cannot be; one that breaks
    // in a call's hands tells that call.
    this.#pool.on('error', () => {})
    this.#pool.on('connect', (client) => client.on('error', () => {}))
  }

  /** @throws {StoreError} as the Store port has it */
  readonly query: Query = (statement, values) =>
    this.#call(async () => {
      const asked = performance.now()
      const client = await this.#connection()
      try {
        return (await client.query(this.#config(statement, values, performance.now() - asked))).rows
      } finally {
        // The pool sees by itself whether it broke.
        client.release()
      }
    })

  /** Runs a statement that is not known beforehand; rows are objects. */
  readonly read = (text: string, values: readonly unknown[] = []): Promise<readonly Readonly<Record<string, unknown>>[]> =>
    this.#call(async () => {
      const client = await this.#connection()
      try {
        return (await client.query<Record<string, unknown>>(text, values as unknown[])).rows
      } finally {
        client.release()
      }
    })

  /**
   * Runs several statements as one transaction; the whole of it again when it was undone for the sake of another.
   * @param isKept whether it is committed; else nothing of it was
   */
  transaction<Result>(
    work: (query: Query) => Promise<Result>,
    isKept: (result: Result) => boolean = () => true,
  ): Promise<Result> {
    return this.#call(async () => {
      const client = await this.#connection()
      try {
        // Whatever the default of the database is: each statement has to see what was committed while it waited for a lock.
        await client.query('begin isolation level read committed')
        const result = await work(async (statement, values) => (await client.query(this.#config(statement, values))).rows)
        await client.query(isKept(result) ? 'commit' : 'rollback')
        return result
      } catch (error) {
        // A connection on which not even that works has broken, and the transaction with it.
        await client.query('rollback').catch(() => {})
        throw error
      } finally {
        client.release()
      }
    })
  }

  /** Counts work on a connection that is not this pool's as a call under way; it is not repeated, nor are its errors read. */
  call<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#track(work)
  }

  /** Waits for calls under way. May be called twice. */
  close(): Promise<void> {
    // The pool forgets whoever waits for a connection when it ends.
    this.#closing ??= Promise.allSettled(this.#calls).then(() => this.#pool.end())
    return this.#closing
  }

  #call<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#track(() => this.#attempt(work))
  }

  #track<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closing !== undefined) {
      const message = `expected an open store, got a call after \`close()\`: ${this.place}. Open a new one.`
      return Promise.reject(new StoreError('STORE_CLOSED', message, { subject: this.place }))
    }
    const call = work()
    this.#calls.add(call)
    const done = (): void => void this.#calls.delete(call)
    call.then(done, done)
    return call
  }

  async #attempt<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (attempt === attempts || !isUndone(error)) throw storeError(error, this.place)
      }
    }
  }

  async #connection(): Promise<pg.PoolClient> {
    const wasFull = this.#pool.totalCount >= this.#pool.options.max
    try {
      const client = await this.#pool.connect()
      if (this.#prepares === undefined) await this.#look(client)
      return client
    } catch (error) {
      if (!wasFull || !(error as Error).message.startsWith('timeout exceeded')) throw error
      const message = `expected one of ${this.#pool.options.max} connections in time; calls under way kept them all: ${this.place}`
      throw new StoreError('STORE_BUSY', message, { cause: error, subject: this.place })
    }
  }

  /** Before a pooler, the process that is told of when the connection begins is not the one that does the work. */
  async #look(client: pg.PoolClient): Promise<void> {
    try {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
      this.#prepares = rows[0]?.pid === (client as unknown as { readonly processID: number | null }).processID
    } catch (error) {
      client.release()
      throw error
    }
  }

  #config(statement: Statement, values: Values = [], waitedMs = 0): pg.QueryArrayConfig & { name?: string } {
    let text = this.#texts.get(statement)
    if (text === undefined) {
      text = inSchema(statement.text, this.schema)
      this.#texts.set(statement, text)
    }
    const cells = typeof values === 'function' ? values(waitedMs) : values
    const config = { text, values: cells as unknown[], rowMode: 'array' as const }
    return this.#prepares === true ? { ...config, name: statement.name } : config
  }
}

/** Puts the schema in its places. */
export function inSchema(sql: string, schema: string): string {
  return sql.replaceAll('@.', `"${schema}".`)
}
