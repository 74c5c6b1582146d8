/** Takes part in transactions of the caller's: what is done in one counts when the caller commits it. */
import { ConfigError, shown } from '@lovage/core'
import { type Database, inSchema, parsers, type Query, type Row, type Statement, type Value } from './database.ts'
import { storeError } from './postgres-errors.ts'

/** A client of `pg`, or what behaves like one. */
interface CallerClient {
  query(config: object): Promise<{ readonly rows: readonly Row[] }>
}

/** What becomes of the transaction when what was asked for cannot be done. */
export interface JoinOptions<Result> {
  /** Whether what was done is to stay. Default: it is. */
  readonly isKept?: ((result: Result) => boolean) | undefined
  /** What does not stay takes all of the transaction along: it cannot be committed any more. Default false: it is as before. */
  readonly dooms?: boolean
  /** It is one statement that does not fail but with the connection: no savepoint is needed. Default false. */
  readonly isBare?: boolean
}

/** Said in the server's log, too. */
const doom = `do $$ begin raise exception '[run stopped] expected the run to be its worker''s still'; end $$`

/** The server's life, the database and the table: the same wherever a client of this queue's database asks. */
const where = {
  name: '',
  text: `select current_database(), coalesce(to_regclass('@.task')::oid::text, ''), concat_ws(' ',
      (select oid from pg_database where datname = current_database()), to_regclass('@.task')::oid,
      extract(epoch from pg_postmaster_start_time()))`,
}
const isolation = { name: '', text: `select current_setting('transaction_isolation')` }

/** What is under way on each client, whichever brokers share it: its statements are in one savepoint at a time. */
const turns = new WeakMap<object, Promise<unknown>>()

export class Joiner {
  readonly #database: Database
  readonly #texts = new Map<Statement, string>()
  /** Clients that were seen on this database. */
  readonly #known = new WeakSet<object>()
  #place: Promise<string> | undefined

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * Does several statements in the transaction, or none of them. Nothing is repeated.
   * @throws {ConfigError} TRANSACTION_UNUSABLE
   */
  join<Result>(transaction: object, work: (query: Query) => Promise<Result>, options: JoinOptions<Result> = {}): Promise<Result> {
    const client = clientOf(transaction)
    const turn = (turns.get(client) ?? Promise.resolve()).then(() => this.#database.call(() => this.#join(client, work, options)))
    turns.set(
      client,
      turn.catch(() => {}),
    )
    return turn
  }

  /**
   * Refuses what a transaction with a snapshot of its own cannot see: whether a key is taken, or an id by a task that is over.
   * @throws {ConfigError} TRANSACTION_UNUSABLE
   */
  async checkSeesOthers(query: Query): Promise<void> {
    const level = (await query(isolation))[0]?.[0]
    if (level === 'read committed') return
    throw unusable(
      `expected a transaction at \`read committed\`, which alone sees whether a key or an id is taken, got: ${level}`,
    )
  }

  async #join<Result>(
    client: CallerClient,
    work: (query: Query) => Promise<Result>,
    { isKept, dooms = false, isBare = false }: JoinOptions<Result>,
  ): Promise<Result> {
    const query: Query = async (statement, values = []) => {
      const cells = typeof values === 'function' ? values(0) : values
      return (await client.query(this.#config(statement, cells))).rows
    }
    const say = (text: string): Promise<unknown> => query({ name: '', text })
    let isIn = false
    try {
      if (isBare) return await work(query)
      await say('savepoint lovage')
      isIn = true
      await this.#checkPlace(client, query)
      const result = await work(query)
      const stays = isKept?.(result) ?? true
      if (!stays && dooms) {
        await say(doom).catch(() => {})
        return result
      }
      if (!stays) await say('rollback to savepoint lovage')
      await say('release savepoint lovage')
      return result
    } catch (error) {
      const restored = isIn && !dooms ? say('rollback to savepoint lovage') : undefined
      await restored?.then(() => say('release savepoint lovage')).catch(() => {})
      throw callerError(error, this.#database.place)
    }
  }

  /** A client is looked at once. */
  async #checkPlace(client: CallerClient, query: Query): Promise<void> {
    if (this.#known.has(client)) return
    const [name, table, place] = (await query(where))[0] ?? []
    // The server may have been started anew since this was read.
    if (place !== (await this.#ownPlace()) && place !== (await this.#ownPlace(true))) {
      const { place: address, schema } = this.#database
      const found = table === '' ? `the database ${name} without such tables` : `tables of that name elsewhere (database ${name})`
      throw unusable(`expected a client of ${address} with the tables of the queue in the schema ${schema}, got: ${found}`)
    }
    this.#known.add(client)
  }

  #ownPlace(again = false): Promise<string> {
    if (again) this.#place = undefined
    this.#place ??= this.#database.query(where).then((rows) => rows[0]?.[2] as string)
    this.#place.catch(() => {
      this.#place = undefined
    })
    return this.#place
  }

  /** Never prepared by name: the client is the caller's, and a pooler may stand before the server. */
  #config(statement: Statement, values: readonly Value[]): object {
    let text = this.#texts.get(statement)
    if (text === undefined) {
      text = inSchema(statement.text, this.#database.schema)
      // Words that are made for one call are not worth remembering.
      if (statement.name !== '') this.#texts.set(statement, text)
    }
    return { text, values, rowMode: 'array', types: parsers }
  }
}

function clientOf(transaction: object): CallerClient {
  if (typeof (transaction as Partial<CallerClient> | null)?.query === 'function') return transaction as CallerClient
  throw unusable(`expected a client of \`pg\` on which a transaction was begun, got: ${shown(transaction)}`)
}

/** What goes wrong in a transaction that is somebody else's; what the server says of conflicts is theirs to read. */
function callerError(error: unknown, place: string): unknown {
  const { code } = error as { readonly code?: unknown }
  if (typeof code === 'string' && /^40...$/.test(code)) return error
  if (code === '25P01') return unusable('expected a client on which `begin` was said, got one without; a pool is none', error)
  if (code === '25P02')
    return unusable('expected an open transaction, got one that an error before this has aborted; roll it back', error)
  if (code === '25006') return unusable('expected a transaction that may write, got a read-only one', error)
  return storeError(error, place)
}

function unusable(message: string, cause?: unknown): ConfigError {
  return new ConfigError('TRANSACTION_UNUSABLE', message, cause === undefined ? {} : { cause })
}
