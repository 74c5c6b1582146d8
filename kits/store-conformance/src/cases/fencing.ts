/** What the fence owes: a run that is over, for whatever reason, changes nothing any more. */
import type { Store, Task, TaskEvent } from '@lovage/core'
import { expectEqual, expectTrue } from '../expect.ts'
import {
  apply,
  cancelled,
  claimOne,
  completed,
  failed,
  insert,
  lost,
  move,
  newTask,
  rerun,
  retriedAfter,
  t0,
  taskOf,
} from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const tookItAway: Readonly<Record<string, readonly TaskEvent[]>> = {
  'was lost': [lost],
  'was cancelled': [cancelled],
  'passed its deadline': [{ type: 'deadline' }],
  'was settled': [completed],
  'was settled and rerun': [completed, rerun],
  'was released': [{ type: 'released' }],
}

/** Tries everything that the holder of a run could still do, and expects that the task does not notice. */
async function expectFenced(store: Store, stale: Task): Promise<void> {
  const before = await taskOf(store, stale.id)
  for (const event of [completed, failed, retriedAfter(5), lost]) {
    expectEqual(await apply(store, stale, event, t0 + 7), false, `whether the old run could be ${event.type}`)
  }
  const held = await store.renew({ holder: stale.holder ?? '', until: t0 })
  expectTrue(!held.some(({ id, run }) => id === stale.id && run === stale.run), 'the old run not to be held any more')
  expectEqual(await taskOf(store, stale.id), before, 'the task after the attempts of the old run')
}

export const fencingCases: readonly StoreCase[] = [
  ...Object.entries(tookItAway).map(([how, events]) =>
    storeCase(`fencing/a run that ${how} can no longer be settled or renewed`, async (store) => {
      await insert(store, newTask('a'))
      const stale = await claimOne(store)
      for (const event of events) await move(store, 'a', event)
      await expectFenced(store, stale)
    }),
  ),
  storeCase('fencing/a swept run whose task runs elsewhere is shut out', async (store) => {
    await insert(store, newTask('a'))
    const stale = await claimOne(store, { holder: 'h1', until: t0 + 100_000 })
    const { overdue } = await store.sweep(t0 + 100_000, 10)
    for (const task of overdue) await apply(store, task, { type: 'lost', how: 'expired' }, t0 + 100_000)
    const current = await claimOne(store, { holder: 'h2', now: t0 + 100_001 })
    await expectFenced(store, stale)
    await store.note([
      { id: 'a', run: stale.run, progress: '"stale"', lines: [{ run: 0, at: t0, level: 'info', text: 'stale' }] },
    ])
    expectEqual([(await taskOf(store, 'a')).progress, await store.logs('a')], [undefined, []], 'progress and lines')
    expectEqual(await apply(store, current, completed, t0 + 100_002), true, 'whether the new run counts')
    expectEqual((await taskOf(store, 'a')).lost, 1, 'the workers lost')
  }),
  storeCase('fencing/the same holder is shut out of its own earlier run', async (store) => {
    await insert(store, newTask('a'))
    const stale = await claimOne(store)
    await move(store, 'a', lost)
    await claimOne(store)
    await expectFenced(store, stale)
  }),
  storeCase('fencing/a sweep that was overtaken by a renewal and a settlement does nothing', async (store) => {
    await insert(store, newTask('a'))
    const running = await claimOne(store, { until: t0 + 100_000 })
    const { overdue } = await store.sweep(t0 + 100_000, 10)
    await apply(store, running, completed)
    const [late] = overdue
    expectEqual(
      late === undefined ? undefined : await apply(store, late, lost, t0 + 100_000),
      false,
      'whether the late verdict counts',
    )
    expectEqual((await taskOf(store, 'a')).state, 'completed', 'the state')
  }),
]
