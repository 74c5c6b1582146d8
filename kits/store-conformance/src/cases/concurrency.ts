/** What calls made at once owe, on one handle and on two: each takes place whole, before or after any other. */
import type { Store, StoreCapabilities } from '@lovage/core'
import { expectEqual, expectSameSet, expectTrue } from '../expect.ts'
import {
  after,
  cancelled,
  changeFor,
  claim,
  claimOne,
  completed,
  failed,
  idsOf,
  insert,
  lost,
  move,
  newTask,
  newTasks,
  statesOf,
  t0,
  taskOf,
} from '../moves.ts'
import type { StoreCase } from '../store-case.ts'

type Racers = readonly [Store, Store]

/** Makes two cases of one: the racers share a handle, or have one each. */
function race(name: string, run: (racers: Racers) => Promise<void>): readonly StoreCase[] {
  const needs: readonly (keyof StoreCapabilities)[] = ['shared']
  return [
    {
      name: `concurrency/${name}`,
      needs: [],
      async run({ open }) {
        const store = await open()
        await run([store, store]).finally(() => store.close())
      },
    },
    {
      name: `concurrency/${name}, over two handles`,
      needs,
      async run({ open }) {
        const racers = [await open(), await open()] as const
        await run(racers).finally(() => Promise.all(racers.map((store) => store.close())))
      },
    },
  ]
}

/** Makes calls at once, by turns on either handle. */
function atOnce<T>(racers: Racers, count: number, call: (store: Store, index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => call(racers[index % 2] ?? racers[0], index)))
}

export const concurrencyCases: readonly StoreCase[] = [
  ...race('claims never hand a task out twice', async (racers) => {
    await insert(racers[0], ...newTasks(300))
    const parts = await atOnce(racers, 40, (store, index) => claim(store, { holder: `h${index}`, limit: 11 }))
    expectSameSet(parts.flatMap(idsOf), idsOf(newTasks(300)), 'the tasks handed out')
    const stored = await racers[1].get(idsOf(newTasks(300)))
    const holders = new Map(parts.flatMap((tasks) => tasks.map((task) => [task.id, task.holder])))
    expectTrue(
      stored.every((task) => task !== undefined && task.run === 0 && task.holder === holders.get(task.id)),
      'every task to be held by the one who was given it',
    )
  }),
  ...race('claims and inserts at once lose nothing', async (racers) => {
    const inserting = atOnce(racers, 30, (store, index) =>
      insert(store, ...newTasks(10).map(({ id }) => newTask(`${index}-${id}`))),
    )
    const early = await atOnce(racers, 30, (store, index) => claim(store, { holder: `h${index}`, limit: 10 }))
    await inserting
    const late = await atOnce(racers, 30, (store, index) => claim(store, { holder: `h${index}`, limit: 10 }))
    const all = [...early, ...late].flatMap(idsOf)
    expectEqual([all.length, new Set(all).size], [300, 300], 'how many tasks were handed out, and how many different ones')
  }),
  ...race('inserts of the same id make one task', async (racers) => {
    const replies = await atOnce(racers, 20, (store) => store.insert([newTask('a'), newTask('b')]))
    const inserted = replies.flatMap(({ results }) => results.filter(({ status }) => status === 'inserted'))
    expectSameSet(idsOf(inserted), ['a', 'b'], 'the tasks that were inserted')
    expectEqual((await racers[1].find({})).tasks.length, 2, 'how many tasks there are')
  }),
  ...race('inserts of the same key make one task', async (racers) => {
    const replies = await atOnce(racers, 20, (store, index) => store.insert([newTask(`t${index}`, { key: 'k' })]))
    const results = replies.flatMap((reply) => reply.results)
    const inserted = results.filter(({ status }) => status === 'inserted')
    expectEqual([inserted.length, new Set(idsOf(results)).size], [1, 1], 'how many were inserted, and how many answers there are')
  }),
  ...race('inserts that replace each other leave one', async (racers) => {
    await atOnce(racers, 20, (store, index) => store.insert([newTask(`t${index}`, { key: 'k', keyPolicy: 'replace' })]))
    expectEqual((await racers[0].find({ states: ['pending'] })).tasks.length, 1, 'how many tasks are pending')
    expectEqual((await racers[1].find({ states: ['exception'] })).tasks.length, 19, 'how many were superseded')
  }),
  ...race('of updates with the same fence exactly one applies', async (racers) => {
    await insert(racers[0], ...newTasks(20))
    const tasks = await claim(racers[0])
    const replies = await atOnce(racers, 10, (store, index) =>
      store.update(tasks.map((task) => changeFor(task, index % 2 === 0 ? completed : failed, t0 + 2 + index))),
    )
    const winners = tasks.map((_, place) => replies.filter(({ applied }) => applied[place] === true).length)
    expectEqual(
      winners,
      tasks.map(() => 1),
      'how many updates applied per task',
    )
  }),
  ...race('a renewal and a settlement at once leave no lease behind', async (racers) => {
    await insert(racers[0], ...newTasks(100))
    const tasks = await claim(racers[0], { until: t0 + 100_000 })
    const settle = (store: Store, half: number): Promise<unknown> =>
      store.update(tasks.filter((_, place) => place % 2 === half).map((task) => changeFor(task, completed)))
    const renew = (store: Store, until: number): Promise<unknown> => store.renew({ holder: 'h1', until })
    const [one, other] = racers
    await Promise.all([renew(one, t0 + 200_000), settle(other, 0), renew(other, t0 + 200_001), settle(one, 1)])
    const { overdue, nextAt } = await racers[0].sweep(t0 + 999_000, 10)
    expectEqual([overdue, nextAt], [[], undefined], 'what is left to sweep')
    expectEqual(await racers[1].renew({ holder: 'h1', until: t0 + 900_000 }), [], 'what is still held')
  }),
  ...race('claiming and cancelling at once do not both win', async (racers) => {
    await insert(racers[0], ...newTasks(60))
    const pending = (await racers[0].get(idsOf(newTasks(60)))).filter((task) => task !== undefined)
    const claiming = atOnce(racers, 20, (store) => claim(store, { limit: 3 }))
    const cancelling = atOnce(racers, 60, async (store, index) => {
      const task = pending[index]
      return task === undefined ? undefined : store.update([changeFor(task, cancelled)])
    })
    const claimed = new Set((await claiming).flatMap(idsOf))
    const gone = (await cancelling).map((reply) => reply?.applied[0])
    for (const [index, { id }] of pending.entries()) {
      expectEqual(
        gone[index],
        !claimed.has(id),
        `whether ${id} was cancelled, when it was${claimed.has(id) ? '' : ' not'} claimed`,
      )
    }
  }),
  ...race('dependencies that complete at once free the task behind once', async (racers) => {
    await insert(racers[0], ...newTasks(30), after('z', idsOf(newTasks(30))))
    const tasks = await claim(racers[0])
    const replies = await atOnce(racers, 30, async (store, index) => {
      const task = tasks[index]
      return task === undefined ? undefined : store.update([changeFor(task, completed)])
    })
    expectEqual(
      replies.flatMap((reply) => reply?.ready ?? []),
      ['default'],
      'how often it became pending',
    )
    const task = await taskOf(racers[1], 'z')
    expectEqual([task.state, task.blockers], ['pending', 0], 'the task behind')
  }),
  ...race('a task put behind one that completes meanwhile is not forgotten', async (racers) => {
    await insert(racers[0], ...newTasks(20))
    const tasks = await claim(racers[0])
    await Promise.all([
      ...tasks.map((task, index) => (racers[index % 2] ?? racers[0]).update([changeFor(task, completed)])),
      ...tasks.map(({ id }, index) => insert(racers[(index + 1) % 2] ?? racers[0], after(`behind-${id}`, [id]))),
    ])
    const states = await statesOf(racers[0], ...tasks.map(({ id }) => `behind-${id}`))
    expectEqual(new Set(states).size === 1 && states[0], 'pending', 'the state of all tasks behind')
  }),
  ...race('two sweepers declare a run lost once', async (racers) => {
    await insert(racers[0], newTask('a'))
    await claimOne(racers[0], { until: t0 + 100_000 })
    const sweeps = await atOnce(racers, 2, (store) => store.sweep(t0 + 100_000, 10))
    const flags = await atOnce(racers, 2, async (store, index) => {
      const [task] = sweeps[index]?.overdue ?? []
      return task === undefined ? undefined : (await store.update([changeFor(task, lost, t0 + 100_000)])).applied[0]
    })
    expectEqual(
      [flags.toSorted(), (await taskOf(racers[0], 'a')).lost],
      [[false, true], 1],
      'the flags, and how often it was lost',
    )
  }),
  ...race('whole batches at once are whole', async (racers) => {
    const batches = await atOnce(racers, 10, (store, index) =>
      store.insert([newTask('first', { input: `${index}` }), newTask(`own-${index}`), after(`end-${index}`, ['first'])], {
        allOrNone: true,
      }),
    )
    const winners = batches.filter(({ results }) => results[0]?.status === 'inserted')
    const all = (await racers[1].find({})).tasks
    expectEqual([winners.length, all.length], [1, 3], 'how many batches were inserted, and how many tasks there are')
  }),
  ...race('of writes at the same version exactly one is done', async (racers) => {
    const kind = 'k'
    for (let version = 0; version < 5; version++) {
      const done = await atOnce(racers, 8, (store, index) =>
        store.records.write([{ kind, key: 'a', value: `${index}`, version }]),
      )
      expectEqual(done.filter((flag) => flag).length, 1, `how many writes at version ${version} were done`)
    }
    expectEqual((await racers[0].records.read(kind, 'a'))?.version, 5, 'the version in the end')
  }),
  ...race('notes and settlements at once keep both', async (racers) => {
    await insert(racers[0], newTask('a'))
    const task = await claimOne(racers[0])
    await atOnce(racers, 10, (store, index) =>
      store.note([{ id: 'a', run: 0, lines: [{ run: 0, at: t0, level: 'info', text: `${index}` }] }]),
    )
    await Promise.all([racers[0].update([changeFor(task, completed)]), racers[1].renew({ holder: 'h1', until: t0 + 900_000 })])
    expectSameSet(
      (await racers[1].logs('a')).map(({ text }) => text),
      newTasks(10).map((_, index) => `${index}`),
      'the lines',
    )
    expectEqual(await statesOf(racers[1], 'a'), ['completed'], 'the state')
  }),
  ...race('what one call did the next one sees', async (racers) => {
    await insert(racers[0], newTask('a'))
    await move(racers[1], 'a', cancelled)
    expectEqual([...(await statesOf(racers[0], 'a')), await claim(racers[0])], ['exception', []], 'state and claim')
    await racers[1].records.write([{ kind: 'paused', key: 'default', value: '{}' }])
    await insert(racers[1], newTask('b'))
    expectEqual(await claim(racers[0]), [], 'what a queue gives that the other one paused')
  }),
]
