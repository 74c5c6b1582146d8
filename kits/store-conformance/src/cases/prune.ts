/** What pruning owes: old history goes, and nothing that is still needed. */
import type { Store } from '@lovage/core'
import { expectEqual } from '../expect.ts'
import {
  after,
  apply,
  cancelled,
  claimOne,
  completed,
  failed,
  idsOf,
  insert,
  move,
  newTask,
  newTasks,
  statesOf,
  t0,
  taskOf,
  work,
} from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const prune = (store: Store, fields: { before?: number; limit?: number; what?: 'task' | 'result' } = {}): Promise<number> =>
  store.prune({ state: 'completed', before: t0 + 100, limit: 1000, ...fields })

export const pruneCases: readonly StoreCase[] = [
  storeCase('prune/removes tasks of the state that were resolved before the time', async (store) => {
    await insert(store, ...newTasks(4))
    const events = [completed, completed, failed, completed]
    for (const [index, event] of events.entries()) await apply(store, await claimOne(store), event, t0 + 10 * index)
    expectEqual(await prune(store, { before: t0 + 30 }), 2, 'how many were removed')
    expectEqual(await statesOf(store, 't0', 't1', 't2', 't3'), ['absent', 'absent', 'failed', 'completed'], 'the states')
  }),
  storeCase('prune/removes at most the limit', async (store) => {
    await insert(store, ...newTasks(5))
    await work(store)
    const removed = [
      await prune(store, { limit: 2 }),
      await prune(store, { limit: 2 }),
      await prune(store, { limit: 2 }),
      await prune(store),
    ]
    expectEqual(removed, [2, 2, 1, 0], 'how many were removed in four rounds')
  }),
  storeCase('prune/leaves no trace of a task', async (store) => {
    await insert(store, newTask('a', { key: 'k' }))
    const task = await claimOne(store)
    await store.note([{ id: 'a', run: 0, lines: [{ run: 0, at: t0, level: 'info', text: 'x' }] }])
    await apply(store, task, completed)
    await prune(store)
    const counts = (await store.counts()).filter(({ count }) => count > 0)
    expectEqual([await store.logs('a'), (await store.find({})).tasks, counts], [[], [], []], 'logs, tasks and counts')
    const { results } = await store.insert([newTask('a', { input: '1' }), after('b', ['a'])])
    expectEqual(
      results.map(({ status }) => status),
      ['inserted', 'inserted'],
      'the results of inserting the id anew',
    )
    expectEqual((await taskOf(store, 'a')).run, -1, 'the run of the new task')
  }),
  storeCase('prune/a removed task is no longer a known dependency', async (store) => {
    await insert(store, newTask('a'))
    await work(store)
    await prune(store)
    const { results } = await store.insert([after('b', ['a'])])
    expectEqual(results, [{ status: 'unknown-dependency', id: 'b', dependency: 'a' }], 'the results')
  }),
  storeCase('prune/unresolved tasks are never removed', async (store) => {
    await insert(store, newTask('a'), newTask('b', { dueAt: t0 + 5 }))
    for (const state of ['pending', 'scheduled', 'running', 'blocked'] as const) {
      expectEqual(await store.prune({ state, before: t0 + 999, limit: 10 }), 0, `how many ${state} tasks were removed`)
    }
    expectEqual(idsOf((await store.find({})).tasks).length, 2, 'how many tasks there are')
  }),
  storeCase('prune/a task that an unresolved one depends on stays until that is resolved', async (store) => {
    await insert(store, newTask('a'), newTask('b'), { ...after('c', ['a', 'b']), dueAt: t0 + 90 })
    await work(store)
    expectEqual(
      [await prune(store), ...(await statesOf(store, 'a', 'c'))],
      [0, 'completed', 'scheduled'],
      'removed, and the states',
    )
    await move(store, 'c', cancelled)
    expectEqual(await prune(store), 2, 'how many are removed afterwards')
  }),
  storeCase('prune/a failed task stays while others wait for its rerun', async (store) => {
    await insert(store, newTask('a'), after('b', ['a'], { onDependencyFailure: 'wait' }))
    await work(store, () => failed)
    expectEqual(await store.prune({ state: 'failed', before: t0 + 100, limit: 10 }), 0, 'how many were removed')
  }),
  storeCase('prune/a task stays while it holds its key', async (store) => {
    const windows = { a: t0 + 500, b: t0 + 500, c: t0 + 50 }
    await insert(store, ...Object.entries(windows).map(([id, keyUntil]) => newTask(id, { key: id, keyUntil })))
    await work(store)
    const replacing = newTask('d', { key: 'b', keyPolicy: 'replace', createdAt: t0 + 60 })
    await insert(store, replacing)
    expectEqual(await prune(store), 2, 'how many were removed: those whose window is over or handed on')
    expectEqual(await statesOf(store, 'a', 'b', 'c'), ['completed', 'absent', 'absent'], 'the states')
    const { results } = await store.insert([newTask('e', { key: 'a', createdAt: t0 + 499 })])
    expectEqual(results, [{ status: 'existing', id: 'a', state: 'completed' }], 'the answer to the key')
    expectEqual([await prune(store, { before: t0 + 499 }), await prune(store, { before: t0 + 500 })], [0, 1], 'at its end')
  }),
  storeCase('prune/results alone', async (store) => {
    await insert(store, newTask('a'), newTask('b'))
    await work(store)
    const before = await taskOf(store, 'a')
    expectEqual(
      [await prune(store, { what: 'result' }), await prune(store, { what: 'result' })],
      [2, 0],
      'how many were cleared, twice',
    )
    expectEqual(await taskOf(store, 'a'), { ...before, result: undefined }, 'the task')
    expectEqual(await prune(store), 2, 'how many are removed afterwards')
  }),
  storeCase('prune/results that an unresolved task will read stay', async (store) => {
    await insert(store, newTask('a'), newTask('b'), { ...after('c', ['a'], { bind: 'one' }), dueAt: t0 + 90 })
    await work(store)
    expectEqual(await prune(store, { what: 'result' }), 1, 'how many were cleared')
    expectEqual((await taskOf(store, 'a')).result, '{"ok":true}', 'the result that is needed')
  }),
]
