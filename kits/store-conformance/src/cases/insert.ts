/** What inserting owes: results in order, ids compared by content, batches whole or not at all. */
import type { NewTask } from '@lovage/core'
import { expectEqual, expectSameSet, expectTrue } from '../expect.ts'
import { after, claimOne, completed, idsOf, insert, move, newTask, newTasks, statesOf, t0, taskOf, work } from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const whole = newTask('a', {
  name: 'images.resize',
  queue: 'images',
  priority: 7,
  input: '{"url":"https://example.org"}',
  extras: {
    args: [1, null, { deep: [true] }],
    kwargs: { width: 3 },
    headers: { trace: 'x' },
    timeoutMs: 5,
    parent: 'p',
    flow: 'f',
  },
  retryLimit: 2,
  lostLimit: 1,
  dueAt: t0 + 500,
  deadline: t0 + 9000,
  key: 'user-1',
  keyUntil: t0 + 700,
})

const other: Readonly<Record<string, Partial<NewTask>>> = {
  name: { name: 'other' },
  queue: { queue: 'other' },
  priority: { priority: 5 },
  input: { input: '1' },
  extras: { extras: { headers: { trace: 'y' } } },
}

const content = newTask('a', { extras: { headers: { trace: 'x' } } })

const contentCases = Object.entries(other).map(([field, change]) =>
  storeCase(`insert/an id stands for its ${field}: another one is a conflict`, async (store) => {
    await insert(store, content)
    const before = await taskOf(store, 'a')
    const { results } = await store.insert([{ ...content, ...change }])
    expectEqual(results, [{ status: 'conflict', id: 'a', on: 'id' }], 'the results')
    expectEqual(await taskOf(store, 'a'), before, 'the stored task')
  }),
)

export const insertCases: readonly StoreCase[] = [
  ...contentCases,
  storeCase('insert/gives one result per task, in order', async (store) => {
    const { results } = await store.insert([newTask('b'), newTask('a', { dueAt: t0 + 5 }), after('c', ['b'])])
    expectEqual(
      results,
      [
        { status: 'inserted', id: 'b', state: 'pending' },
        { status: 'inserted', id: 'a', state: 'scheduled' },
        { status: 'inserted', id: 'c', state: 'blocked' },
      ],
      'the results',
    )
  }),
  storeCase('insert/keeps every field as it was given', async (store) => {
    await insert(store, whole)
    const task = { ...whole, state: 'scheduled', run: -1, retries: 0, lost: 0, blockers: 0, runs: [] }
    expectEqual(await taskOf(store, 'a'), task, 'the stored task')
  }),
  storeCase('insert/keeps texts as they are', async (store) => {
    const input = JSON.stringify({ text: 'é ß 漢 🌿 \u0000 \' " \\ \n', long: 'x'.repeat(300_000) })
    const id = `${'!~'.repeat(99)}';`
    await insert(store, newTask(id, { input, name: 'größe', key: "it's; drop table --", extras: { headers: { 'a.b': '🌿' } } }))
    const task = await taskOf(store, id)
    expectEqual([task.name, task.key, task.extras], ['größe', "it's; drop table --", { headers: { 'a.b': '🌿' } }], 'the texts')
    expectTrue(task.input === input, 'the input to be the text that was inserted')
  }),
  storeCase('insert/a due time that is not after the creation is no reason to wait', async (store) => {
    await insert(store, newTask('a', { dueAt: t0 }), newTask('b', { dueAt: t0 - 1 }))
    expectEqual(await statesOf(store, 'a', 'b'), ['pending', 'pending'], 'the states')
  }),
  storeCase('insert/the same id with the same content is the task that is there', async (store) => {
    await insert(store, content)
    await work(store)
    const before = await taskOf(store, 'a')
    const { results, ready } = await store.insert([content])
    expectEqual(results, [{ status: 'existing', id: 'a', state: 'completed' }], 'the results')
    expectEqual(ready, [], 'the queues in which tasks became pending')
    expectEqual(await taskOf(store, 'a'), before, 'the stored task')
  }),
  storeCase('insert/times, limits and keys are not content', async (store) => {
    await insert(store, content)
    const again = { ...content, createdAt: t0 + 9, dueAt: t0 + 99, deadline: t0 + 999, retryLimit: 9, lostLimit: 9, key: 'k' }
    const { results } = await store.insert([again])
    expectEqual(results, [{ status: 'existing', id: 'a', state: 'pending' }], 'the results')
  }),
  storeCase('insert/extras are the same whatever the order of their keys', async (store) => {
    await insert(store, newTask('a', { extras: { kwargs: { x: 1, y: { p: 1, q: 2 } }, flow: 'f' } }))
    const { results } = await store.insert([newTask('a', { extras: { flow: 'f', kwargs: { y: { q: 2, p: 1 }, x: 1 } } })])
    expectEqual(results, [{ status: 'existing', id: 'a', state: 'pending' }], 'the results')
  }),
  storeCase('insert/the same id twice in one call is one task', async (store) => {
    const { results } = await store.insert([newTask('a'), newTask('a'), newTask('a', { input: '1' })])
    expectEqual(
      results.map(({ status }) => status),
      ['inserted', 'existing', 'conflict'],
      'the results',
    )
    expectEqual(idsOf((await store.find({})).tasks), ['a'], 'the stored tasks')
  }),
  storeCase('insert/names the queues in which tasks became pending', async (store) => {
    const tasks = [newTask('a'), newTask('b', { queue: 'later', dueAt: t0 + 5 }), newTask('c', { queue: 'mail' }), newTask('d')]
    const { ready, resolved } = await store.insert(tasks)
    expectSameSet(ready, ['default', 'mail'], 'the queues')
    expectEqual(resolved, [], 'the tasks resolved on the way')
  }),
  storeCase('insert/a call without tasks does nothing', async (store) => {
    const { results, ready, resolved } = await store.insert([])
    expectEqual([results, ready, resolved], [[], [], []], 'the reply')
  }),
  storeCase('insert/takes thousands at once', async (store) => {
    await insert(store, ...newTasks(2500))
    const counts = await store.counts()
    expectEqual(counts, [{ queue: 'default', state: 'pending', count: 2500, oldestAt: t0 }], 'the counts')
  }),
  storeCase('insert/what a caller does to its objects afterwards changes nothing', async (store) => {
    const headers: Record<string, unknown> = { trace: 'x' }
    const dependencies = ['a']
    await insert(store, newTask('a'), newTask('b', { extras: { headers, dependencies } }))
    headers.trace = 'changed'
    dependencies.push('c')
    expectEqual((await taskOf(store, 'b')).extras, { headers: { trace: 'x' }, dependencies: ['a'] }, 'the stored extras')
  }),
  storeCase('insert/what a caller does to a task it was given changes nothing', async (store) => {
    await insert(store, content)
    const given = await claimOne(store)
    tamper(given, 'state', 'completed')
    tamper(given.extras?.headers, 'trace', 'changed')
    tamper(given.runs, 'length', 5)
    const task = await taskOf(store, 'a')
    expectEqual([task.state, task.extras, task.runs], ['running', content.extras, []], 'the stored task')
  }),
]

/** Writes where nobody should; a frozen object that throws is as good as a copy that takes it. */
function tamper(target: object | undefined, field: string, value: unknown): void {
  if (target !== undefined) Reflect.set(target, field, value)
}

/** Batches that are refused as a whole. */
export const insertWholeCases: readonly StoreCase[] = [
  storeCase('insert/without allOrNone a refused task leaves the others alone', async (store) => {
    await insert(store, newTask('a'))
    const { results } = await store.insert([newTask('b'), newTask('a', { input: '1' }), after('c', ['nobody']), newTask('d')])
    expectEqual(
      results.map(({ status }) => status),
      ['inserted', 'conflict', 'unknown-dependency', 'inserted'],
      'the results',
    )
    expectEqual(await statesOf(store, 'b', 'c', 'd'), ['pending', 'absent', 'pending'], 'the states')
  }),
  storeCase('insert/allOrNone inserts all of a call', async (store) => {
    const { results, ready } = await store.insert([newTask('a'), after('b', ['a'])], { allOrNone: true })
    expectEqual(
      results.map(({ status }) => status),
      ['inserted', 'inserted'],
      'the results',
    )
    expectEqual(ready, ['default'], 'the queues in which tasks became pending')
    expectEqual(await work(store), ['a', 'b'], 'the order of work')
  }),
  storeCase('insert/allOrNone: a taken id refuses the whole call', async (store) => {
    await insert(store, newTask('taken'))
    const { results, ready } = await store.insert([newTask('b'), newTask('taken', { input: '1' })], { allOrNone: true })
    const expected = [
      { status: 'refused', id: 'b' },
      { status: 'conflict', id: 'taken', on: 'id' },
    ]
    expectEqual(results, expected, 'the results')
    expectEqual(ready, [], 'the queues in which tasks became pending')
    expectEqual(await statesOf(store, 'taken', 'b'), ['pending', 'absent'], 'the states')
    expectEqual(await work(store), ['taken'], 'what can be claimed')
  }),
  storeCase('insert/allOrNone: an unknown dependency refuses the whole call', async (store) => {
    await insert(store, newTask('root'))
    const { results } = await store.insert([after('b', ['root']), after('c', ['b', 'nobody'])], { allOrNone: true })
    const expected = [
      { status: 'refused', id: 'b' },
      { status: 'unknown-dependency', id: 'c', dependency: 'nobody' },
    ]
    expectEqual(results, expected, 'the results')
    await work(store)
    expectEqual(await statesOf(store, 'root', 'b', 'c'), ['completed', 'absent', 'absent'], 'the states')
    expectEqual(
      await store.prune({ state: 'completed', before: t0 + 99, limit: 9 }),
      1,
      'how many are pruned: nothing depends on it',
    )
  }),
  storeCase('insert/allOrNone: a rejected key refuses the whole call, and nobody was superseded', async (store) => {
    await insert(store, newTask('old', { key: 'x' }), newTask('holder', { key: 'y' }), after('behind', ['old']))
    const replacing = ['b', 'c'].map((id) => newTask(id, { key: 'x', keyPolicy: 'replace' }))
    const batch = [...replacing, newTask('d', { key: 'y', keyPolicy: 'reject' })]
    const { results, resolved } = await store.insert(batch, { allOrNone: true })
    const expected = [
      { status: 'refused', id: 'b' },
      { status: 'refused', id: 'c' },
      { status: 'conflict', id: 'holder', on: 'key' },
    ]
    expectEqual(results, expected, 'the results')
    expectEqual(resolved, [], 'the tasks resolved on the way')
    expectEqual(await statesOf(store, 'old', 'holder', 'behind'), ['pending', 'pending', 'blocked'], 'the states before')
    expectEqual(await statesOf(store, 'b', 'c', 'd'), ['absent', 'absent', 'absent'], 'the states of the refused')
    await move(store, 'holder', { type: 'cancelled' })
    expectEqual(await work(store), ['old', 'behind'], 'the order of work')
  }),
  storeCase('insert/allOrNone: a key that was to be handed on stays where it was', async (store) => {
    await insert(store, newTask('old', { key: 'x', keyUntil: t0 + 100 }))
    await work(store)
    await store.insert([newTask('b', { key: 'x', keyPolicy: 'replace' }), after('c', ['nobody'])], { allOrNone: true })
    const { results } = await store.insert([newTask('d', { key: 'x' })])
    expectEqual(results, [{ status: 'existing', id: 'old', state: 'completed' }], 'the results')
  }),
  storeCase('insert/allOrNone: what is refused goes by its own id', async (store) => {
    await insert(store, newTask('holder', { key: 'x' }))
    const { results } = await store.insert([newTask('b', { key: 'x' }), after('c', ['nobody'])], { allOrNone: true })
    const expected = [
      { status: 'refused', id: 'b' },
      { status: 'unknown-dependency', id: 'c', dependency: 'nobody' },
    ]
    expectEqual(results, expected, 'the results')
  }),
  storeCase('insert/allOrNone: tasks that are there already do not refuse it', async (store) => {
    await insert(store, newTask('a'))
    const { results } = await store.insert([newTask('a'), after('b', ['a'])], { allOrNone: true })
    expectEqual(
      results.map(({ status }) => status),
      ['existing', 'inserted'],
      'the results',
    )
  }),
]

/** Dependencies as they are found at the time of inserting. */
export const insertBehindCases: readonly StoreCase[] = [
  storeCase('insert/an unknown dependency refuses the task', async (store) => {
    const { results } = await store.insert([after('a', ['nobody'])])
    expectEqual(results, [{ status: 'unknown-dependency', id: 'a', dependency: 'nobody' }], 'the results')
    expectEqual(await statesOf(store, 'a'), ['absent'], 'the states')
  }),
  storeCase('insert/a task does not come before itself, nor before a later one of its call', async (store) => {
    const { results } = await store.insert([after('a', ['a']), after('b', ['c']), newTask('c')])
    expectEqual(
      results.map(({ status }) => status),
      ['unknown-dependency', 'unknown-dependency', 'inserted'],
      'the results',
    )
  }),
  storeCase('insert/a task behind others is blocked by each of them once', async (store) => {
    await insert(store, newTask('a'), newTask('b'), after('c', ['a', 'b', 'a']))
    const task = await taskOf(store, 'c')
    expectEqual([task.state, task.blockers], ['blocked', 2], 'state and blockers')
  }),
  storeCase('insert/only dependencies that are not yet satisfied block', async (store) => {
    await insert(store, newTask('a'), newTask('b', { queue: 'other' }))
    await work(store)
    await insert(store, after('c', ['a', 'b']), after('d', ['a']))
    expectEqual(
      [(await taskOf(store, 'c')).blockers, ...(await statesOf(store, 'c', 'd'))],
      [1, 'blocked', 'pending'],
      'blockers and states',
    )
  }),
  storeCase('insert/a task behind a completed one may still have to wait for its time', async (store) => {
    await insert(store, newTask('a'))
    await work(store)
    await insert(store, { ...after('b', ['a']), dueAt: t0 + 50 })
    const task = await taskOf(store, 'b')
    expectEqual([task.state, task.dueAt], ['scheduled', t0 + 50], 'state and due time')
  }),
  storeCase('insert/a task behind a failed one resolves at once', async (store) => {
    await insert(store, newTask('a'))
    await move(store, 'a', { type: 'cancelled' })
    const { results } = await store.insert([
      { ...after('b', ['a']), createdAt: t0 + 7 },
      { ...after('c', ['b']), createdAt: t0 + 7 },
    ])
    expectEqual(
      results.map((result) => (result.status === 'inserted' ? result.state : result.status)),
      ['exception', 'exception'],
      'the states answered',
    )
    const tasks = await store.get(['b', 'c'])
    const facts = tasks.map((task) => [task?.state, task?.reason, task?.resolvedAt, task?.blockers])
    expectEqual(
      facts,
      [
        ['exception', 'dependency-failed', t0 + 7, 0],
        ['exception', 'dependency-failed', t0 + 7, 0],
      ],
      'the facts',
    )
  }),
  storeCase('insert/a task behind a failed one waits if it was told to, or does not mind', async (store) => {
    await insert(store, newTask('a'))
    await move(store, 'a', { type: 'cancelled' })
    await insert(store, after('b', ['a'], { onDependencyFailure: 'wait' }), after('c', ['a'], { requires: 'all-resolved' }))
    expectEqual(await statesOf(store, 'b', 'c'), ['blocked', 'pending'], 'the states')
    await move(store, 'a', { type: 'rerun' })
    expectEqual(await work(store, () => completed), ['a', 'c', 'b'], 'the order of work')
  }),
]
