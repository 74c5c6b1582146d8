/** What claiming owes: order, filters, due times, paused queues, and a run that is told apart from all others. */
import { expectEqual, expectTrue } from '../expect.ts'
import {
  after,
  apply,
  claim,
  claimOne,
  claimRequest,
  failed,
  idsOf,
  insert,
  leaseMs,
  move,
  newTask,
  newTasks,
  released,
  rerun,
  retriedAfter,
  t0,
  taskOf,
} from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const paused = (queue: string, value: string | null) => [{ kind: 'paused', key: queue, value }]

export const claimCases: readonly StoreCase[] = [
  storeCase('claim/makes the task the run of its holder', async (store) => {
    await insert(store, newTask('a', { input: '{"x":1}', extras: { headers: { trace: 'x' } }, deadline: t0 + 999 }))
    const before = await taskOf(store, 'a')
    const task = await claimOne(store, { holder: 'h9', worker: 'w9@test', now: t0 + 4 })
    const run = { state: 'running', run: 0, holder: 'h9', worker: 'w9@test', startedAt: t0 + 4, takenUntil: t0 + 4 + leaseMs }
    expectEqual(task, { ...before, ...run }, 'the claimed task')
    expectEqual(await taskOf(store, 'a'), task, 'the stored task')
  }),
  storeCase('claim/gives the most urgent first, then the oldest', async (store) => {
    const priorities = [4, 1, 7, 4, 2, 7, 3, 6, 5]
    await insert(store, ...priorities.map((priority, index) => newTask(`${priority}-${index}`, { priority })))
    const expected = ['7-2', '7-5', '6-7', '5-8', '4-0', '4-3', '3-6', '2-4', '1-1']
    expectEqual(idsOf(await claim(store)), expected, 'the order of claimed tasks')
  }),
  storeCase('claim/age is the order of insertion, not the time of creation or the id', async (store) => {
    await insert(store, newTask('c', { createdAt: t0 + 9 }), newTask('a', { createdAt: t0 - 9 }))
    await insert(store, newTask('b'))
    expectEqual(idsOf(await claim(store)), ['c', 'a', 'b'], 'the order of claimed tasks')
  }),
  storeCase('claim/the same order holds over names and queues', async (store) => {
    await insert(
      store,
      newTask('a', { queue: 'q1', name: 'x' }),
      newTask('b', { queue: 'q2', name: 'y' }),
      newTask('c', { queue: 'q1', name: 'y', priority: 5 }),
      newTask('d', { queue: 'q2', name: 'x' }),
      newTask('e', { queue: 'q1', name: 'x' }),
    )
    expectEqual(idsOf(await claim(store, { queues: ['q2', 'q1'] })), ['c', 'a', 'b', 'd', 'e'], 'the order of claimed tasks')
  }),
  storeCase('claim/never gives more than the limit, and the rest later', async (store) => {
    await insert(store, ...newTasks(7))
    const parts = [await claim(store, { limit: 3 }), await claim(store, { limit: 3 }), await claim(store, { limit: 3 })]
    expectEqual(parts.map(idsOf), [['t0', 't1', 't2'], ['t3', 't4', 't5'], ['t6']], 'the claimed tasks')
    expectEqual(await claim(store), [], 'what is left')
  }),
  storeCase('claim/a limit of 0 takes nothing', async (store) => {
    await insert(store, newTask('a'))
    expectEqual(await claim(store, { limit: 0 }), [], 'the claimed tasks')
    expectEqual((await taskOf(store, 'a')).state, 'pending', 'the state')
  }),
  storeCase('claim/gives only tasks of the queues asked for', async (store) => {
    await insert(store, newTask('a'), newTask('b', { queue: 'mail' }), newTask('c', { queue: 'other' }))
    expectEqual(idsOf(await claim(store, { queues: ['mail', 'nobody'] })), ['b'], 'the claimed tasks')
    expectEqual(await claim(store, { queues: [] }), [], 'the tasks of no queue')
  }),
  storeCase('claim/a queue asked for twice gives its tasks once', async (store) => {
    await insert(store, newTask('a'), newTask('b'), newTask('c', { queue: 'mail' }))
    expectEqual(idsOf(await claim(store, { queues: ['default', 'mail', 'default'] })), ['a', 'b', 'c'], 'the claimed tasks')
  }),
  storeCase('claim/gives only tasks whose names are known', async (store) => {
    await insert(store, newTask('a', { name: 'x' }), newTask('b', { name: 'y' }), newTask('c', { name: 'z', priority: 7 }))
    expectEqual(await claim(store, { names: [] }), [], 'the tasks for a worker that knows no name')
    expectEqual(idsOf(await claim(store, { names: ['y', 'x'] })), ['a', 'b'], 'the claimed tasks')
    expectEqual(idsOf(await claim(store)), ['c'], 'the tasks for a worker that takes any')
  }),
  storeCase('claim/blocked, running and resolved tasks are not given', async (store) => {
    await insert(store, newTask('a'), after('b', ['a']))
    const task = await claimOne(store)
    expectEqual(await claim(store), [], 'what can be claimed beside a running task')
    await apply(store, task, failed)
    expectEqual(await claim(store), [], 'what can be claimed after it failed')
  }),
  storeCase('claim/an empty store gives nothing', async (store) => {
    const reply = await store.claim(claimRequest())
    expectEqual([reply.tasks, reply.nextDueAt], [[], undefined], 'the reply')
  }),
  storeCase('claim/gives hundreds at once', async (store) => {
    await insert(store, ...newTasks(700))
    expectEqual(idsOf(await claim(store)), idsOf(newTasks(700)), 'the claimed tasks')
  }),
  storeCase('claim/a scheduled task is given from its due time on, in its place', async (store) => {
    await insert(store, newTask('a', { dueAt: t0 + 50, priority: 5 }), newTask('b', { dueAt: t0 + 49 }), newTask('c'))
    expectEqual(idsOf(await claim(store, { now: t0 + 48, limit: 0 })), [], 'the claimed tasks')
    expectEqual(idsOf(await claim(store, { now: t0 + 50 })), ['a', 'b', 'c'], 'the claimed tasks')
    expectEqual((await taskOf(store, 'a')).dueAt, undefined, 'the due time of a running task')
  }),
  storeCase('claim/tells when the next scheduled task is due', async (store) => {
    await insert(
      store,
      newTask('a', { dueAt: t0 + 70 }),
      newTask('b', { dueAt: t0 + 60 }),
      newTask('c', { queue: 'x', dueAt: t0 + 50 }),
    )
    const reply = await store.claim(claimRequest())
    expectEqual([reply.tasks, reply.nextDueAt], [[], t0 + 60], 'the reply')
    const later = await store.claim(claimRequest({ now: t0 + 60 }))
    expectEqual([idsOf(later.tasks), later.nextDueAt], [['b'], t0 + 70], 'the reply at that time')
    expectEqual((await store.claim(claimRequest({ now: t0 + 70 }))).nextDueAt, undefined, 'the next due time when none is left')
  }),
  storeCase('claim/the next due time lies ahead although due tasks stay behind', async (store) => {
    await insert(
      store,
      newTask('a', { name: 'unknown', dueAt: t0 + 5 }),
      newTask('b', { dueAt: t0 + 6 }),
      newTask('c', { dueAt: t0 + 7 }),
    )
    const reply = await store.claim(claimRequest({ names: ['job'], now: t0 + 6, limit: 0 }))
    expectEqual(reply.nextDueAt, t0 + 7, 'the next due time')
  }),
  storeCase('claim/a paused queue gives nothing until it is resumed', async (store) => {
    await insert(store, newTask('a'), newTask('b', { queue: 'mail' }), newTask('c', { dueAt: t0 + 5 }))
    await store.records.write(paused('default', '{}'))
    const reply = await store.claim(claimRequest({ queues: ['default', 'mail'], now: t0 + 4 }))
    expectEqual([idsOf(reply.tasks), reply.nextDueAt], [['b'], undefined], 'the reply with a paused queue')
    await store.records.write(paused('default', null))
    expectEqual(idsOf(await claim(store, { now: t0 + 5 })), ['a', 'c'], 'the tasks after resuming')
  }),
  storeCase('claim/a task that comes back has not lost its place', async (store) => {
    await insert(store, ...newTasks(3))
    await apply(store, await claimOne(store), released)
    expectEqual(idsOf(await claim(store)), ['t0', 't1', 't2'], 'the claimed tasks')
  }),
  storeCase('claim/a retried task waits for its time, then keeps its place', async (store) => {
    await insert(store, ...newTasks(3))
    await apply(store, await claimOne(store), retriedAfter(100), t0 + 2)
    const reply = await store.claim(claimRequest({ limit: 1 }))
    expectEqual([idsOf(reply.tasks), reply.nextDueAt], [['t1'], t0 + 102], 'the reply before that time')
    expectEqual(idsOf(await claim(store, { now: t0 + 102 })), ['t0', 't2'], 'the tasks at that time')
  }),
  storeCase('claim/runs are numbered from 0 and never reused', async (store) => {
    await insert(store, newTask('a'))
    const runs: number[] = []
    for (const event of [released, retriedAfter(0), failed]) {
      const task = await claimOne(store)
      runs.push(task.run)
      await apply(store, task, event)
    }
    await move(store, 'a', rerun)
    runs.push((await claimOne(store)).run)
    expectEqual(runs, [0, 1, 2, 3], 'the run numbers')
  }),
  storeCase('claim/gives only the tasks that are named, where any are', async (store) => {
    await insert(store, ...newTasks(4), newTask('urgent', { priority: 7 }), newTask('elsewhere', { queue: 'other' }))
    await insert(store, newTask('later', { dueAt: t0 + 10 }), newTask('much later', { dueAt: t0 + 99 }))
    await claimOne(store, { ids: ['t1'] })
    const ids = ['t1', 't2', 'urgent', 'elsewhere', 'none', 'later', 'much later', 't2']
    const tasks = await claim(store, { ids, holder: 'h9', worker: 'w9@test', now: t0 + 20, limit: 3 })
    expectEqual(idsOf(tasks), ['urgent', 't2', 'later'], 'the claimed tasks')
    expectEqual(await store.get(idsOf(tasks)), tasks, 'the stored tasks')
    expectEqual(await claim(store, { ids: ['t0'], names: ['another'] }), [], 'what has another name')
    await store.records.write(paused('default', '{}'))
    expectEqual(await claim(store, { ids: ['t0'] }), [], 'what stands in a paused queue')
    await store.records.write(paused('default', null))
    expectEqual(idsOf(await claim(store)), ['t0', 't3'], 'the rest')
  }),
  storeCase('claim/shows what happened in earlier runs', async (store) => {
    await insert(store, newTask('a'))
    await apply(store, await claimOne(store, { worker: 'w5@test' }), retriedAfter(0))
    const task = await claimOne(store)
    const earlier = { run: 0, worker: 'w5@test', startedAt: t0 + 1, endedAt: t0 + 2, outcome: 'retried' }
    expectEqual([task.run, task.retries, task.runs], [1, 1, [earlier]], 'run, retries and earlier runs')
  }),
  storeCase('claim/each run has the lease of its own claim', async (store) => {
    await insert(store, newTask('a'), newTask('b'))
    await claimOne(store, { holder: 'h1', until: t0 + 500_000 })
    await claimOne(store, { holder: 'h2', until: t0 + 100_000 })
    const facts = (await store.get(['a', 'b'])).map((task) => [task?.holder, task?.takenUntil])
    expectEqual(
      facts,
      [
        ['h1', t0 + 500_000],
        ['h2', t0 + 100_000],
      ],
      'holders and leases',
    )
    expectTrue((await store.sweep(t0 + 100_000, 10)).overdue.length === 1, 'only the shorter lease to be over')
  }),
  storeCase(
    'claim/several holders in one call get what follows one another in the line',
    async (store) => {
      await insert(
        store,
        ...[4, 4, 7, 4, 4].map((priority, index) => newTask(`t${index}`, { priority, name: index < 3 ? 'n' : 'm' })),
      )
      const others = [
        { holder: 'h2', worker: 'w2@test', limit: 2 },
        { holder: 'h3', worker: 'w3@test', limit: 5 },
        { holder: 'h4', worker: 'w4@test', limit: 1 },
      ]
      const tasks = await claim(store, { holder: 'h1', worker: 'w1@test', limit: 1, others, until: t0 + 100_000 })
      const facts = tasks.map(({ id, holder, worker, run }) => [id, holder, worker, run])
      const expected = [
        ['t2', 'h1', 'w1@test', 0],
        ['t0', 'h2', 'w2@test', 0],
        ['t1', 'h2', 'w2@test', 0],
        ['t3', 'h3', 'w3@test', 0],
        ['t4', 'h3', 'w3@test', 0],
      ]
      expectEqual(facts, expected, 'who has which')
      expectEqual(await store.get(tasks.map(({ id }) => id)), tasks, 'the stored tasks')
      expectEqual(await claim(store, { limit: 1, others }), [], 'what is left')
    },
    ['sharedClaims'],
  ),
]
