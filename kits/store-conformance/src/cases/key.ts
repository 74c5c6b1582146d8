/** What inserting owes to unique keys: who holds one, for how long, and what the three policies do. */
import type { NewTask } from '@lovage/core'
import { expectEqual } from '../expect.ts'
import {
  after,
  apply,
  cancelled,
  claimOne,
  completed,
  idsOf,
  insert,
  move,
  newTask,
  rerun,
  statesOf,
  t0,
  taskOf,
  work,
} from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const keyed = (id: string, fields: Partial<NewTask> = {}): NewTask => newTask(id, { key: 'k', ...fields })
const replacing = (id: string, fields: Partial<NewTask> = {}): NewTask => keyed(id, { keyPolicy: 'replace', ...fields })

export const keyCases: readonly StoreCase[] = [
  storeCase('insert/key: the unresolved task with the key is the answer', async (store) => {
    await insert(store, keyed('a'))
    const { results } = await store.insert([keyed('b', { keyPolicy: 'existing', input: '1' }), keyed('c')])
    const answer = { status: 'existing', id: 'a', state: 'pending' }
    expectEqual(results, [answer, answer], 'the results')
    expectEqual(idsOf((await store.find({})).tasks), ['a'], 'the stored tasks')
  }),
  storeCase('insert/key: a running task holds it too', async (store) => {
    await insert(store, keyed('a'))
    await claimOne(store)
    const { results } = await store.insert([keyed('b')])
    expectEqual(results, [{ status: 'existing', id: 'a', state: 'running' }], 'the results')
  }),
  storeCase('insert/key: two of one call are one task', async (store) => {
    const { results } = await store.insert([keyed('a'), keyed('b')])
    expectEqual(
      results.map(({ status, id }) => [status, id]),
      [
        ['inserted', 'a'],
        ['existing', 'a'],
      ],
      'the results',
    )
  }),
  storeCase('insert/key: it is free once its task is resolved', async (store) => {
    await insert(store, keyed('a'))
    await work(store)
    await insert(store, keyed('b'))
    await move(store, 'b', cancelled)
    await insert(store, keyed('c', { keyPolicy: 'reject' }))
    expectEqual(await statesOf(store, 'a', 'b', 'c'), ['completed', 'exception', 'pending'], 'the states')
  }),
  storeCase('insert/key: names have their own keys, queues have not', async (store) => {
    await insert(store, keyed('a'), keyed('b', { name: 'other' }))
    const { results } = await store.insert([keyed('c', { queue: 'other' })])
    expectEqual(results, [{ status: 'existing', id: 'a', state: 'pending' }], 'the results')
  }),
  storeCase('insert/key: reject is a conflict with the task that holds it', async (store) => {
    await insert(store, keyed('a'))
    const { results } = await store.insert([keyed('b', { keyPolicy: 'reject' })])
    expectEqual(results, [{ status: 'conflict', id: 'a', on: 'key' }], 'the results')
    expectEqual(await statesOf(store, 'b'), ['absent'], 'the states')
  }),
  storeCase('insert/key: the same id again is the same task, whatever the policy', async (store) => {
    await insert(store, replacing('a'))
    const { results, resolved } = await store.insert([replacing('a'), keyed('a', { keyPolicy: 'reject' })])
    expectEqual(
      results.map(({ status }) => status),
      ['existing', 'existing'],
      'the results',
    )
    expectEqual(resolved, [], 'the tasks resolved on the way')
  }),
  storeCase('insert/key: replace supersedes a waiting task', async (store) => {
    await insert(store, keyed('a', { dueAt: t0 + 50 }))
    const { results, resolved } = await store.insert([replacing('b', { createdAt: t0 + 3 })])
    expectEqual(results, [{ status: 'inserted', id: 'b', state: 'pending' }], 'the results')
    expectEqual(resolved, [{ id: 'a', name: 'job', state: 'exception', reason: 'superseded' }], 'the tasks resolved on the way')
    const task = await taskOf(store, 'a')
    expectEqual([task.state, task.reason, task.resolvedAt], ['exception', 'superseded', t0 + 3], 'the superseded task')
    expectEqual(await work(store), ['b'], 'what can be claimed')
  }),
  storeCase('insert/key: replace takes a running task from its holder', async (store) => {
    await insert(store, keyed('a'))
    const running = await claimOne(store, { holder: 'h7' })
    const { resolved } = await store.insert([replacing('b')])
    const notice = { id: 'a', name: 'job', state: 'exception', reason: 'superseded', holder: 'h7' }
    expectEqual(resolved, [notice], 'the tasks resolved on the way')
    expectEqual(await apply(store, running, completed), false, 'whether the old run could still be settled')
    const task = await taskOf(store, 'a')
    expectEqual([task.state, task.holder, task.takenUntil], ['exception', undefined, undefined], 'the superseded task')
  }),
  storeCase('insert/key: tasks behind a superseded one fail with it', async (store) => {
    await insert(store, keyed('a'), after('b', ['a']), after('c', ['b']))
    const { resolved } = await store.insert([replacing('d')])
    expectEqual(
      [...resolved].map(({ id, reason }) => `${id} ${reason}`).sort(),
      ['a superseded', 'b dependency-failed', 'c dependency-failed'],
      'the tasks resolved on the way',
    )
    expectEqual(await statesOf(store, 'a', 'b', 'c', 'd'), ['exception', 'exception', 'exception', 'pending'], 'the states')
  }),
  storeCase('insert/key: the last of several replacements stays', async (store) => {
    const { results } = await store.insert([replacing('a'), replacing('b'), replacing('c')])
    expectEqual(
      results.map(({ status }) => status),
      ['inserted', 'inserted', 'inserted'],
      'the results',
    )
    expectEqual(await statesOf(store, 'a', 'b', 'c'), ['exception', 'exception', 'pending'], 'the states')
    expectEqual(await work(store), ['c'], 'what can be claimed')
  }),
  storeCase('insert/key: an unknown dependency supersedes nobody', async (store) => {
    await insert(store, keyed('a'))
    const { results } = await store.insert([replacing('b', { extras: { dependencies: ['nobody'] } })])
    expectEqual(results, [{ status: 'unknown-dependency', id: 'b', dependency: 'nobody' }], 'the results')
    expectEqual(await statesOf(store, 'a', 'b'), ['pending', 'absent'], 'the states')
  }),
  storeCase('insert/key: a replacement can come after what it replaces', async (store) => {
    await insert(store, keyed('a'), keyed('x', { key: 'l' }))
    const { results, ready } = await store.insert([
      replacing('b', { extras: { dependencies: ['a'], requires: 'all-resolved' } }),
      replacing('y', { key: 'l', extras: { dependencies: ['x'] } }),
    ])
    const expected = [
      { status: 'inserted', id: 'b', state: 'pending' },
      { status: 'inserted', id: 'y', state: 'exception' },
    ]
    expectEqual([results, ready], [expected, ['default']], 'the results, and the queues in which tasks became pending')
    expectEqual((await taskOf(store, 'y')).reason, 'dependency-failed', 'why one of them is over')
    expectEqual(await work(store), ['b'], 'what can be claimed')
  }),
  storeCase('insert/key: a replacement can come after what ends with what it replaces', async (store) => {
    await insert(store, keyed('a'), after('b', ['a']), after('c', ['b']))
    const { results, ready } = await store.insert([replacing('d', { extras: { dependencies: ['c'], requires: 'all-resolved' } })])
    const expected = [{ status: 'inserted', id: 'd', state: 'pending' }]
    expectEqual([results, ready], [expected, ['default']], 'the results, and the queues in which tasks became pending')
    expectEqual(await work(store), ['d'], 'what can be claimed')
  }),
  storeCase('insert/key: within its window it is taken by a resolved task too', async (store) => {
    await insert(store, keyed('a', { keyUntil: t0 + 100 }))
    await work(store)
    const { results } = await store.insert([
      keyed('b', { createdAt: t0 + 99 }),
      keyed('c', { createdAt: t0 + 99, keyPolicy: 'reject' }),
    ])
    const expected = [
      { status: 'existing', id: 'a', state: 'completed' },
      { status: 'conflict', id: 'a', on: 'key' },
    ]
    expectEqual(results, expected, 'the results')
  }),
  storeCase('insert/key: after its window it is free, resolved or not', async (store) => {
    await insert(store, keyed('a', { keyUntil: t0 + 100 }))
    await insert(store, keyed('b', { createdAt: t0 + 100, keyPolicy: 'reject', keyUntil: t0 + 200 }))
    await work(store)
    await insert(store, keyed('c', { createdAt: t0 + 200, keyPolicy: 'reject' }))
    expectEqual(await statesOf(store, 'a', 'b', 'c'), ['completed', 'completed', 'pending'], 'the states')
  }),
  storeCase('insert/key: replace within the window of a resolved task leaves that as it is', async (store) => {
    await insert(store, keyed('a', { keyUntil: t0 + 100 }))
    await work(store)
    const { results, resolved } = await store.insert([replacing('b', { createdAt: t0 + 50 })])
    expectEqual(results, [{ status: 'inserted', id: 'b', state: 'pending' }], 'the results')
    expectEqual(resolved, [], 'the tasks resolved on the way')
    expectEqual(await statesOf(store, 'a', 'b'), ['completed', 'pending'], 'the states')
  }),
  storeCase('insert/key: a window that was replaced is over, also for a rerun', async (store) => {
    await insert(store, keyed('a', { keyUntil: t0 + 100 }))
    await work(store)
    await insert(store, replacing('b', { createdAt: t0 + 50 }))
    expectEqual((await taskOf(store, 'a')).keyUntil, t0 + 50, 'the end of its window')
    await move(store, 'b', cancelled)
    await move(store, 'a', rerun)
    await insert(store, keyed('c', { createdAt: t0 + 60, keyPolicy: 'reject' }))
    expectEqual(await statesOf(store, 'a', 'b', 'c'), ['pending', 'exception', 'pending'], 'the states')
  }),
  storeCase('insert/key: of two holders after a rerun the oldest is the answer', async (store) => {
    await insert(store, keyed('a'))
    await work(store)
    await insert(store, keyed('b'))
    await move(store, 'a', rerun)
    const { results } = await store.insert([keyed('c'), keyed('d', { keyPolicy: 'reject' })])
    const expected = [
      { status: 'existing', id: 'a', state: 'pending' },
      { status: 'conflict', id: 'a', on: 'key' },
    ]
    expectEqual(results, expected, 'the results')
  }),
  storeCase('insert/key: after a replacement the new task is the answer', async (store) => {
    await insert(store, keyed('a', { keyUntil: t0 + 100 }), replacing('b', { keyUntil: t0 + 100 }))
    const { results } = await store.insert([keyed('c'), keyed('d', { keyPolicy: 'reject' })])
    const expected = [
      { status: 'existing', id: 'b', state: 'pending' },
      { status: 'conflict', id: 'b', on: 'key' },
    ]
    expectEqual(results, expected, 'the results')
  }),
]
