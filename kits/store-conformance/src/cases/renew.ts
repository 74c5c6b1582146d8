/** What renewing owes: leases that only move forward, and the truth about what is held. */
import { expectEqual, expectSameSet, expectTrue } from '../expect.ts'
import { apply, claim, claimOne, completed, insert, lost, move, newTask, newTasks, released, t0, taskOf } from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

export const renewCases: readonly StoreCase[] = [
  storeCase('renew/moves the leases of everything that the holder holds', async (store) => {
    await insert(store, ...newTasks(3))
    await claim(store, { holder: 'h1', limit: 2, until: t0 + 100_000 })
    await claim(store, { holder: 'h2', until: t0 + 100_000 })
    const held = await store.renew({ holder: 'h1', until: t0 + 200_000 })
    expectSameSet(
      held.map(({ id, run }) => `${id} ${run}`),
      ['t0 0', 't1 0'],
      'what is held',
    )
    const leases = (await store.get(['t0', 't1', 't2'])).map((task) => task?.takenUntil)
    expectEqual(leases, [t0 + 200_000, t0 + 200_000, t0 + 100_000], 'the leases')
  }),
  storeCase('renew/moves only the leases of the runs that are named, where any are', async (store) => {
    await insert(store, ...newTasks(3))
    await claim(store, { limit: 2, until: t0 + 100_000 })
    await claim(store, { holder: 'h2', until: t0 + 100_000 })
    const runs = [
      { id: 't0', run: 0 },
      { id: 't1', run: 1 },
      { id: 't2', run: 0 },
      { id: 'none', run: 0 },
    ]
    expectEqual(await store.renew({ holder: 'h1', until: t0 + 200_000, runs }), [{ id: 't0', run: 0 }], 'what is held')
    const leases = (await store.get(['t0', 't1', 't2'])).map((task) => task?.takenUntil)
    expectEqual(leases, [t0 + 200_000, t0 + 100_000, t0 + 100_000], 'the leases')
    expectEqual(await store.renew({ holder: 'h1', until: t0 + 300_000, runs: [] }), [], 'what is held of none')
  }),
  storeCase('renew/moves the leases of several holders at once, of each its own', async (store) => {
    await insert(store, ...newTasks(4))
    await claim(store, { holder: 'h1', limit: 2, until: t0 + 100_000 })
    await claim(store, { holder: 'h2', until: t0 + 100_000 })
    const runs = [
      { id: 't0', run: 0 },
      { id: 't1', run: 0, holder: 'h2' },
      { id: 't2', run: 0, holder: 'h2' },
      { id: 't3', run: 1, holder: 'h2' },
    ]
    const held = await store.renew({ holder: 'h1', until: t0 + 200_000, runs })
    expectSameSet(
      held.map(({ id, run }) => `${id} ${run}`),
      ['t0 0', 't2 0'],
      'what is held',
    )
    const leases = (await store.get(['t0', 't1', 't2', 't3'])).map((task) => task?.takenUntil)
    expectEqual(leases, [t0 + 200_000, t0 + 100_000, t0 + 200_000, t0 + 100_000], 'the leases')
  }),
  storeCase('renew/never moves a lease backwards', async (store) => {
    await insert(store, newTask('a'))
    await claim(store, { until: t0 + 100_000 })
    const runs = [{ id: 'a', run: 0 }]
    expectEqual(await store.renew({ holder: 'h1', until: t0 + 50_000 }), runs, 'what is held')
    expectEqual((await taskOf(store, 'a')).takenUntil, t0 + 100_000, 'the lease')
  }),
  storeCase("renew/runs that are not the holder's are not in the answer", async (store) => {
    await insert(store, ...newTasks(4))
    const [settled, returned] = await claim(store, { limit: 2 })
    if (settled === undefined || returned === undefined) return
    await apply(store, settled, completed)
    await apply(store, returned, released)
    await claim(store, { holder: 'h2', limit: 2, until: t0 + 100_000 })
    expectEqual(await store.renew({ holder: 'h1', until: t0 + 900_000 }), [], 'what is held')
    expectEqual((await taskOf(store, 't1')).takenUntil, t0 + 100_000, 'the lease of another holder')
  }),
  storeCase('renew/an earlier run of the same holder is not held', async (store) => {
    await insert(store, newTask('a'))
    await claimOne(store)
    await move(store, 'a', lost)
    await claimOne(store)
    expectEqual(await store.renew({ holder: 'h1', until: t0 + 900_000 }), [{ id: 'a', run: 1 }], 'what is held')
  }),
  storeCase('renew/a lease that is over, but was not taken away, can be renewed', async (store) => {
    await insert(store, newTask('a'))
    await claim(store, { until: t0 + 100_000 })
    expectEqual((await store.sweep(t0 + 100_000, 10)).overdue.length, 1, 'how many runs are overdue')
    expectEqual(await store.renew({ holder: 'h1', until: t0 + 200_000 }), [{ id: 'a', run: 0 }], 'what is held')
    const { overdue, nextAt } = await store.sweep(t0 + 100_000, 10)
    expectEqual([overdue, nextAt], [[], t0 + 200_000], 'the sweep after it')
  }),
  storeCase('renew/who holds nothing renews nothing', async (store) => {
    await insert(store, newTask('a'))
    await claim(store)
    expectEqual(await store.renew({ holder: 'nobody', until: t0 + 900_000 }), [], 'what is held')
  }),
  storeCase(
    'renew/goes on alone while the event loop is blocked',
    async (store) => {
      await insert(store, newTask('a'))
      await claim(store, { now: t0, until: t0 + 200 })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700)
      const { takenUntil = 0 } = await taskOf(store, 'a')
      expectTrue(takenUntil > t0 + 200, `the lease to end after ${t0 + 200}, not at ${takenUntil}`)
      expectEqual(await apply(store, await taskOf(store, 'a'), completed), true, 'whether the run still counts')
    },
    ['renewsAlone'],
  ),
  storeCase('renew/hundreds at once', async (store) => {
    await insert(store, ...newTasks(700))
    await claim(store, { until: t0 + 100_000 })
    const held = await store.renew({ holder: 'h1', until: t0 + 200_000 })
    expectEqual([held.length, (await store.sweep(t0 + 199_999, 1)).overdue], [700, []], 'how many are held, and what is overdue')
  }),
]
