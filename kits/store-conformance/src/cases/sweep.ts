/** What sweeping owes: due tasks made pending, everything overdue found, and the time to look again. */
import { expectEqual, expectSameSet } from '../expect.ts'
import {
  after,
  apply,
  cancelled,
  claim,
  claimOne,
  completed,
  idsOf,
  insert,
  move,
  newTask,
  newTasks,
  retriedAfter,
  statesOf,
  t0,
  taskOf,
} from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

export const sweepCases: readonly StoreCase[] = [
  storeCase('sweep/makes due tasks pending and names their queues', async (store) => {
    await insert(
      store,
      newTask('a', { dueAt: t0 + 5 }),
      newTask('b', { dueAt: t0 + 6, queue: 'mail' }),
      newTask('c', { dueAt: t0 + 7, queue: 'x' }),
    )
    const { ready, overdue, nextAt } = await store.sweep(t0 + 6, 10)
    expectSameSet(ready, ['default', 'mail'], 'the queues in which tasks became pending')
    expectEqual([overdue, nextAt], [[], t0 + 7], 'the rest of the reply')
    expectEqual(
      [...(await statesOf(store, 'a', 'b', 'c')), (await taskOf(store, 'a')).dueAt],
      ['pending', 'pending', 'scheduled', undefined],
      'states',
    )
  }),
  storeCase('sweep/a swept task takes its old place in line', async (store) => {
    await insert(store, ...newTasks(3))
    await apply(store, await claimOne(store), retriedAfter(10), t0 + 2)
    await store.sweep(t0 + 12, 10)
    expectEqual(idsOf(await claim(store)), ['t0', 't1', 't2'], 'the order of claimed tasks')
  }),
  storeCase('sweep/finds runs whose lease is over, from its last moment on', async (store) => {
    await insert(store, newTask('a'), newTask('b'))
    await claimOne(store, { until: t0 + 100_000 })
    await claimOne(store, { until: t0 + 100_001 })
    expectEqual((await store.sweep(t0 + 99_999, 10)).overdue, [], 'what is overdue before')
    const { overdue, nextAt } = await store.sweep(t0 + 100_000, 10)
    expectEqual([overdue, nextAt], [[await taskOf(store, 'a')], t0 + 100_001], 'the reply')
  }),
  storeCase('sweep/finds unresolved tasks of every state whose deadline has passed', async (store) => {
    const deadline = t0 + 50_000
    await insert(
      store,
      newTask('running', { deadline, priority: 7 }),
      newTask('pending', { deadline }),
      newTask('scheduled', { deadline, dueAt: t0 + 99_999 }),
    )
    await insert(
      store,
      { ...after('blocked', ['running']), deadline },
      newTask('later', { deadline: t0 + 50_001 }),
      newTask('gone', { deadline }),
    )
    await claimOne(store, { until: t0 + 90_000 })
    await move(store, 'gone', cancelled)
    expectEqual((await store.sweep(t0 + 49_999, 10)).overdue, [], 'what is overdue before')
    const { overdue, nextAt } = await store.sweep(t0 + 50_000, 10)
    expectSameSet(idsOf(overdue), ['running', 'pending', 'scheduled', 'blocked'], 'what is overdue')
    expectEqual(nextAt, t0 + 50_001, 'when to look again')
  }),
  storeCase('sweep/what is overdue twice is found once', async (store) => {
    await insert(store, newTask('a', { deadline: t0 + 50_000 }))
    await claim(store, { until: t0 + 40_000 })
    const { overdue, nextAt } = await store.sweep(t0 + 60_000, 10)
    expectEqual([idsOf(overdue), nextAt], [['a'], undefined], 'the reply')
  }),
  storeCase('sweep/resolved tasks are never overdue', async (store) => {
    await insert(store, newTask('a', { deadline: t0 + 50_000 }))
    await apply(store, await claimOne(store, { until: t0 + 40_000 }), completed)
    const { overdue, nextAt } = await store.sweep(t0 + 60_000, 10)
    expectEqual([overdue, nextAt], [[], undefined], 'the reply')
  }),
  storeCase('sweep/finds at most the limit, and the others afterwards', async (store) => {
    await insert(store, ...newTasks(5))
    await claim(store, { until: t0 + 40_000 })
    const rounds: (readonly string[])[] = []
    for (let round = 0; round < 3; round++) {
      const { overdue } = await store.sweep(t0 + 50_000, 2)
      rounds.push(idsOf(overdue))
      for (const { id } of overdue) await move(store, id, cancelled)
    }
    expectEqual(
      rounds.map(({ length }) => length),
      [2, 2, 1],
      'how many were found in three rounds',
    )
    expectSameSet(rounds.flat(), idsOf(newTasks(5)), 'what was found')
  }),
  storeCase('sweep/twice is as good as once', async (store) => {
    await insert(store, newTask('a', { dueAt: t0 + 40_000 }), newTask('b'))
    await claimOne(store, { until: t0 + 40_000 })
    const once = await store.sweep(t0 + 40_000, 10)
    const twice = await store.sweep(t0 + 40_000, 10)
    expectEqual([twice.overdue, twice.nextAt, twice.ready], [once.overdue, once.nextAt, []], 'the second reply')
  }),
  storeCase('sweep/tells the next time of whatever comes first', async (store) => {
    const next = async (): Promise<number | undefined> => (await store.sweep(t0 + 1, 10)).nextAt
    expectEqual(await next(), undefined, 'the next time of an empty store')
    await insert(store, newTask('a', { priority: 7 }), newTask('b', { queue: 'x', dueAt: t0 + 300_000 }))
    expectEqual(await next(), t0 + 300_000, 'the due time')
    await claimOne(store, { until: t0 + 200_000 })
    expectEqual(await next(), t0 + 200_000, 'the end of the lease')
    await insert(store, newTask('c', { deadline: t0 + 100_000 }))
    expectEqual(await next(), t0 + 100_000, 'the deadline')
    await move(store, 'c', cancelled)
    expectEqual(await next(), t0 + 200_000, 'the end of the lease again')
    await store.renew({ holder: 'h1', until: t0 + 400_000 })
    expectEqual(await next(), t0 + 300_000, 'the due time again')
    await move(store, 'b', cancelled)
    expectEqual(await next(), t0 + 400_000, 'the end of the renewed lease')
    await move(store, 'a', completed)
    expectEqual(await next(), undefined, 'the next time when all is done')
  }),
  storeCase('sweep/a later lease of the same task does not hide behind an earlier one', async (store) => {
    await insert(store, newTask('a'))
    await apply(store, await claimOne(store, { until: t0 + 500_000 }), { type: 'released' })
    await claimOne(store, { until: t0 + 50_000 })
    const { overdue } = await store.sweep(t0 + 50_000, 10)
    expectEqual(idsOf(overdue), ['a'], 'what is overdue')
  }),
]
