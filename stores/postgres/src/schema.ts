/** The tables of a queue as numbered migrations, and what may be opened as one. */
import { StoreError } from '@lovage/core'
import { claim } from './claim-sql.ts'
import type { Database, Query } from './database.ts'
import { days, makeDays } from './history-days.ts'
import { insertFunctions } from './insert-sql.ts'
import { sendFunctions } from './send-sql.ts'
import { keysInHistory, roomOnPages, tables } from './tables-sql.ts'
import { bringBack, complete, spread, update } from './update-sql.ts'

/**
 * Migration n (from 0) brings a schema from version n to n + 1. One that databases have been through is never changed:
 * `fixtures/schema-<n + 1>.sql` holds what it ran. A function that changes stands here as it is today, and again in a migration of its
 * own: new databases and old ones end up with the same.
 */
const migrations: readonly string[] = [
  [tables, spread, bringBack, update, complete, claim, insertFunctions, days].join('\n'),
  sendFunctions,
  [claim, roomOnPages].join('\n'),
  keysInHistory,
  sendFunctions,
  [spread, bringBack, update, complete, claim, insertFunctions, days].join('\n'),
]

/** The version that this Lovage writes. */
export const latestSchema = migrations.length

/** The schema's version in a database (0: none yet) and the one that this Lovage writes. */
export interface SchemaFacts {
  readonly current: number
  readonly latest: number
}

// Looked up as a row: a function such as to_regclass may answer what was so when the transaction began.
const known = {
  name: 'schema-known',
  text: `select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = 'version'`,
}
const namespace = { name: 'schema-namespace', text: 'select from pg_namespace where nspname = $1' }
const stored = { name: 'schema-version', text: 'select max(number) from @.version' }

/**
 * Reads what the schema says it is.
 * @throws {StoreError} SCHEMA_NEWER when a later Lovage made it
 */
export async function schemaFacts(database: Pick<Database, 'schema' | 'place'>, query: Query): Promise<SchemaFacts> {
  const isThere = (await query(known, [database.schema])).length > 0
  const current = isThere ? Number((await query(stored))[0]?.[0] ?? 0) : 0
  if (current > latestSchema) {
    const message = `expected ${database.place} to have schema ${latestSchema} or older, got: ${current}. Update Lovage.`
    throw new StoreError('SCHEMA_NEWER', message, { subject: database.place })
  }
  return { current, latest: latestSchema }
}

/** How often a migration tries, and for how long each time, to get tables that open transactions keep. */
const patience = { attempts: 60, lockMs: 500 }
const lockNotAvailable = '55P03'
const waitBriefly = { name: '', text: `set local lock_timeout = ${patience.lockMs}` }

/**
 * Brings the schema up to date. Whoever does so at the same time waits, looks again and finds it done. Whoever works meanwhile
 * waits behind it for moments only, also where a transaction of a user's stays open: then it steps back and tries again.
 * @throws {StoreError} STORE_BUSY when one stays open for long, SCHEMA_NEWER
 */
export async function migrate(database: Database): Promise<SchemaFacts> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrateNow(database)
    } catch (error) {
      const isKept = (error as { readonly cause?: { readonly code?: unknown } }).cause?.code === lockNotAvailable
      if (!isKept || attempt === patience.attempts) throw error
    }
  }
}

function migrateNow(database: Database): Promise<SchemaFacts> {
  return database.transaction(async (query) => {
    await query({
      name: 'schema-lock',
      text: `select pg_advisory_xact_lock(hashtextextended('lovage.migrate.${database.schema}', 0))`,
    })
    const facts = await schemaFacts(database, query)
    if (facts.current === facts.latest) return facts
    await query(waitBriefly)
    const steps = migrations
      .slice(facts.current)
      .map((sql, index) => `${sql}\ninsert into @.version values (${facts.current + index + 1});`)
    // Who may not create schemas may be given one.
    const isThere = (await query(namespace, [database.schema])).length > 0
    const begin = `${isThere ? '' : `create schema "${database.schema}";`} create table if not exists @.version (number integer primary key);`
    // Several statements at once cannot be prepared.
    await query({ name: '', text: [begin, ...steps].join('\n') })
    return facts
  })
}

/** Sees to it that there are tables, and days to come in the history. */
export async function ready(database: Database, may: { readonly create: boolean; readonly migrate: boolean }): Promise<void> {
  const { current } = await schemaFacts(database, database.query)
  if (current < latestSchema) {
    if (current === 0 && !may.create) {
      const message = `expected a Lovage queue in the schema ${database.schema} of ${database.place}, got none`
      throw new StoreError('STORE_UNAVAILABLE', message, { subject: database.place })
    }
    if (!may.migrate) {
      const message = `expected ${database.place} to have schema ${latestSchema}, got: ${current}. Run \`lovage migrate\`.`
      throw new StoreError('SCHEMA_OLDER', message, { subject: database.place })
    }
    await migrate(database)
  }
  await makeDays(database, Date.now())
}
