/** The memory store: the whole Store port on maps and heaps, for as long as the process lives. */
import { type Store, StoreError } from '@lovage/core'
import { claimTasks } from './claim.ts'
import { findTasks } from './find.ts'
import { insertTasks } from './insert.ts'
import { logLines, noteRuns } from './note.ts'
import { pruneTasks } from './prune.ts'
import { RecordShelf } from './record-shelf.ts'
import { renewLeases } from './renew.ts'
import { sweepTasks } from './sweep.ts'
import { Table } from './table.ts'
import { updateTasks } from './update.ts'

/**
 * Makes an empty store. Every call is done before it answers, so calls made at once are applied in the order they were
 * made. What it hands out is frozen. Nothing survives the process.
 */
export function memoryStore(): Store {
  const table = new Table()
  const records = new RecordShelf()
  const isPaused = (queue: string): boolean => records.read('paused', queue) !== undefined
  let open = true
  const call = async <T>(work: () => T): Promise<T> => {
    if (open) return work()
    throw new StoreError('STORE_CLOSED', 'expected an open store, got a call after `close()`; open a new one', {
      subject: 'memory',
    })
  }
  return {
    name: 'memory',
    capabilities: { durable: false, shared: false, renewsAlone: false, sharedClaims: true },
    records: {
      read: (kind, key) => call(() => records.read(kind, key)),
      list: (kind) => call(() => records.list(kind)),
      write: (writes) => call(() => records.write(writes)),
    },
    insert: (tasks, options) => call(() => insertTasks(table, tasks, options)),
    claim: (request) => call(() => claimTasks(table, request, isPaused)),
    update: (changes) => call(() => updateTasks(table, changes)),
    renew: (request) => call(() => renewLeases(table, request)),
    sweep: (now, limit) => call(() => sweepTasks(table, now, limit)),
    get: (ids) => call(() => ids.map((id) => table.row(id)?.task)),
    find: (query) => call(() => findTasks(table, query)),
    counts: () => call(() => table.counts()),
    note: (notes) => call(() => noteRuns(table, notes)),
    logs: (id) => call(() => logLines(table, id)),
    prune: (request) => call(() => pruneTasks(table, request)),
    async close() {
      open = false
    },
  }
}
