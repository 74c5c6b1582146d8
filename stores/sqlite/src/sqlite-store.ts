/** The SQLite store: the Store port over calls to the database thread. */
import {
  ConfigError,
  type InsertReply,
  type InsertResult,
  type LogLine,
  type NewTask,
  type QueueCount,
  type Store,
  type StoredRecord,
  StoreError,
  type Task,
  type TaskQuery,
} from '@lovage/core'
import { claimTurns } from './claim-turns.ts'
import type { InsertAnswer } from './insert.ts'
import type { Lane } from './lanes.ts'
import { elapsed } from './lease-wait.ts'
import { encodeNewTask, startState } from './new-task.ts'
import { encodeChange } from './patch.ts'
import { pruner } from './prune.ts'
import type { RecordRow } from './records.ts'
import { claimWidth, taskFromClaim, taskFromRow } from './rows.ts'
import { type SqliteOptions, threadOptions } from './sqlite-options.ts'
import { stateOf } from './state-codes.ts'
import { ThreadLink } from './thread-link.ts'
import type { Cell } from './verb.ts'
import type { AnswerOf, PayloadOf, VerbName } from './verbs.ts'
import type { ThreadOptions } from './wire.ts'

/**
 * Opens a file as a store; creates and migrates it unless `migrate` is false. Several processes may open one file.
 * @throws {ConfigError} OPTION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_FULL, STORE_BUSY, SCHEMA_NEWER, SCHEMA_OLDER
 */
export async function sqliteStore(path: string, options?: SqliteOptions): Promise<Store> {
  const calls = new StoreCalls(threadOptions(path, options))
  await calls.open()
  return storeOn(calls)
}

/** Calls to a thread that is replaced once it has died, until the store is closed. */
class StoreCalls {
  readonly #options: ThreadOptions
  #link: ThreadLink
  #closing: Promise<void> | undefined

  constructor(options: ThreadOptions) {
    this.#options = options
    this.#link = new ThreadLink(options)
  }

  /** Another one each time that the file is opened. */
  get life(): object {
    return this.#link
  }

  open(): Promise<void> {
    return this.#link.opened()
  }

  call<Name extends VerbName>(verb: Name, payload: PayloadOf<Name>): Promise<AnswerOf<Name>> {
    const { path } = this.#options
    if (this.#closing !== undefined) {
      const message = `expected an open store, got a call after \`close()\`: ${path}. Open a new one.`
      return Promise.reject(new StoreError('STORE_CLOSED', message, { subject: path }))
    }
    if (this.#link.isDead) this.#link = new ThreadLink({ ...this.#options, isReopened: true })
    return this.#link.call(verb, payload)
  }

  close(): Promise<void> {
    this.#closing ??= this.#link.isDead ? Promise.resolve() : this.#link.close()
    return this.#closing
  }
}

function storeOn(calls: StoreCalls): Store {
  return {
    name: 'sqlite',
    capabilities: { durable: true, shared: true, renewsAlone: true, sharedClaims: true },
    records: {
      async read(kind, key) {
        const row = await calls.call('readRecord', [kind, key])
        return row === undefined ? undefined : recordFrom(row)
      },
      list: async (kind) => (await calls.call('listRecords', kind)).map(recordFrom),
      write: (writes) => calls.call('writeRecords', writes),
    },
    async insert(tasks, options) {
      const cells: Cell[] = []
      for (const task of tasks) encodeNewTask(task, cells)
      return insertReply(tasks, await calls.call('insert', [options?.allOrNone === true, cells]))
    },
    async claim(request) {
      const [rows, lanes, nextDueAt, until] = await calls.call('claim', { ...request, askedAt: elapsed() })
      const turns = claimTurns(request, rows.length)
      const tasks = rows.map((row, index) => {
        const { holder, worker } = turns[index] ?? request
        return taskFromClaim(row, laneOf(row, lanes), { holder, worker, takenUntil: until, startedAt: request.now })
      })
      return { tasks, nextDueAt }
    },
    async update(changes) {
      const cells: Cell[] = []
      for (const change of changes) encodeChange(change, cells)
      const [missed, ripple] = await calls.call('update', cells)
      const applied = changes.map(() => true)
      for (const index of missed) applied[index] = false
      return { applied, ...ripple }
    },
    async renew(request) {
      const [, cells] = await calls.call('renew', { ...request, askedAt: elapsed() })
      return Array.from({ length: cells.length / 2 }, (_, index) => ({
        id: cells[index * 2] as string,
        run: cells[index * 2 + 1] as number,
      }))
    },
    async sweep(now, limit) {
      const [overdue, nextAt, ready] = await calls.call('sweep', [now, limit])
      return { overdue: overdue.map(taskFromRow), nextAt, ready }
    },
    async get(ids) {
      return (await calls.call('get', ids)).map((row) => (row === undefined ? undefined : taskFromRow(row)))
    },
    async find(query) {
      const [rows, cursor] = await calls.call('find', checkedQuery(query))
      const tasks: readonly Task[] = rows.map(taskFromRow)
      return cursor === undefined ? { tasks } : { tasks, cursor }
    },
    counts: async () => (await calls.call('counts', undefined)).map(countFrom),
    note: (notes) => calls.call('note', notes),
    logs: async (id) => (await calls.call('logs', id)).map(lineFrom),
    prune: pruner(
      (order) => calls.call('prune', order),
      () => calls.life,
    ),
    close: () => calls.close(),
  }
}

function insertReply(tasks: readonly NewTask[], [results, ripple]: InsertAnswer): InsertReply {
  return {
    results:
      results ??
      tasks.map(({ id, dueAt, createdAt }): InsertResult => ({ status: 'inserted', id, state: startState(dueAt, createdAt) })),
    ...ripple,
  }
}

function checkedQuery(query: TaskQuery): TaskQuery {
  if (query.cursor === undefined || /^\d+$/.test(query.cursor)) return query
  const got = JSON.stringify(query.cursor)
  throw new ConfigError('OPTION_INVALID', `expected \`cursor\` to be from the reply before, got: ${got}`)
}

function laneOf(row: readonly Cell[], lanes: readonly Lane[]): Lane {
  return lanes[(row[claimWidth + 1] as number | undefined) ?? 0] as Lane
}

function recordFrom([kind, key, value, version]: RecordRow): StoredRecord {
  return { kind: kind as string, key: key as string, value: value as string, version: version as number }
}

function countFrom([queue, state, count, oldestAt]: readonly Cell[]): QueueCount {
  const counted = { queue: queue as string, state: stateOf(state), count: count as number }
  return oldestAt === null ? counted : { ...counted, oldestAt: oldestAt as number }
}

function lineFrom([run, at, level, text]: readonly Cell[]): LogLine {
  return { run: run as number, at: at as number, level: level as LogLine['level'], text: text as string }
}
