/** The PostgreSQL store: the Store port on statements that take and give whole batches. */
import type { InsertReply, Store, UpdateReply } from '@lovage/core'
import { claimTasks } from './claim.ts'
import { ClaimFloors } from './claim-floors.ts'
import { claimNamed } from './claim-named.ts'
import { countTasks } from './counts.ts'
import { Database } from './database.ts'
import { FewAtOnce } from './few-at-once.ts'
import { findTasks, getTasks } from './find.ts'
import { isMade } from './id-time.ts'
import { checkTexts, insertNew, insertPlain, isPlain } from './insert.ts'
import { insertJoined, updateJoined } from './joined-writes.ts'
import { Joiner } from './joiner.ts'
import { insertLinked } from './linked-insert.ts'
import { readLogs, writeNotes } from './notes.ts'
import { Places } from './places.ts'
import { type PostgresOptions, postgresSettings } from './postgres-options.ts'
import { pruner } from './prune.ts'
import { recordsOn } from './records.ts'
import { renewLeases } from './renew.ts'
import { updateWithPriorities } from './reprioritize.ts'
import { ready } from './schema.ts'
import { SecondLook } from './second-look.ts'
import { sweepTasks } from './sweep.ts'
import { updateTasks } from './update.ts'
import { updateFree } from './update-free.ts'

/**
 * Opens a database as a store; creates and migrates its tables unless `migrate` is false.
 * @throws {ConfigError} OPTION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_FULL, STORE_BUSY, SCHEMA_NEWER, SCHEMA_OLDER
 */
export async function postgresStore(url: string, options?: PostgresOptions): Promise<Store> {
  const settings = postgresSettings(url, options)
  const database = new Database(settings)
  try {
    await ready(database, settings)
    return storeOn(database)
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Makes the store of a database whose tables are ready. @internal */
export function storeOn(database: Database, joiner = new Joiner(database)): Store {
  const { query } = database
  // A transaction of a user's may hold their keys, ids or dependencies, or the tasks themselves, until it ends.
  const linked = new FewAtOnce(Math.max(1, database.connections - 2))
  // One is left for claims and leases, whoever waits.
  const changing = new FewAtOnce(Math.max(1, database.connections - 1))
  const places = new Places()
  const memory = { floors: new ClaimFloors(() => performance.now()), second: new SecondLook(), places }
  return {
    name: 'postgres',
    capabilities: { durable: true, shared: true, renewsAlone: false, transactions: true, batch: 500 },
    records: recordsOn(database),
    async insert(tasks, options) {
      checkTexts(tasks)
      const allOrNone = options?.allOrNone === true
      if (options?.transaction !== undefined) return insertJoined(joiner, options.transaction, tasks, allOrNone)
      if (allOrNone || !tasks.every(isPlain))
        return linked.run(() => changing.run(() => insertLinked(database, tasks, allOrNone)))
      if (tasks.every(({ isNew }) => isNew === true)) return insertNew(query, tasks)
      const insert = (): Promise<InsertReply> => insertPlain(query, tasks)
      return tasks.every(({ id }) => isMade(id)) ? insert() : linked.run(() => changing.run(insert))
    },
    claim(request) {
      if (request.ids !== undefined) return claimNamed(query, request)
      return claimTasks(query, memory, request)
    },
    update: (changes, { transaction, kept } = {}) => {
      if (transaction !== undefined) return updateJoined(joiner, transaction, changes)
      if (kept === 'pass') return updateFree(database, changes)
      const apply = (): Promise<UpdateReply> =>
        changes.some(({ patch }) => patch.priority !== undefined)
          ? updateWithPriorities((work) => database.transaction(work), changes)
          : updateTasks(query, changes, places)
      return kept === 'aside' ? linked.run(() => changing.run(apply)) : changing.run(apply)
    },
    renew: (request) => renewLeases(query, request),
    sweep: (now, limit) => sweepTasks(query, now, limit),
    get: (ids) => getTasks(query, ids),
    find: (asked) => findTasks(query, asked),
    counts: (states) => countTasks(query, states),
    note: (notes) => writeNotes(query, notes),
    logs: (id) => readLogs(query, id),
    prune: pruner(database),
    // Those that wait for their turn were called before this.
    async close() {
      await Promise.all([linked.idle(), changing.idle()])
      await database.close()
    },
  }
}
