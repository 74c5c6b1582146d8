/** What noting owes: progress and lines of the current run, and of no other. */
import type { LogLine } from '@lovage/core'
import { expectEqual } from '../expect.ts'
import { apply, claim, claimOne, insert, newTask, newTasks, retriedAfter, t0, taskOf } from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const line = (text: string, run = 0): LogLine => ({ run, at: t0 + 5, level: 'info', text })

export const noteCases: readonly StoreCase[] = [
  storeCase('note/the last progress is kept with the task', async (store) => {
    await insert(store, newTask('a'))
    await claimOne(store)
    await store.note([
      { id: 'a', run: 0, progress: '0.5' },
      { id: 'a', run: 0, progress: '{"done":9}' },
    ])
    expectEqual((await taskOf(store, 'a')).progress, '{"done":9}', 'the progress')
  }),
  storeCase('note/lines are kept in order, over several calls', async (store) => {
    await insert(store, newTask('a'))
    await claimOne(store)
    const third: LogLine = { run: 0, at: t0, level: 'error', text: 'é\n🌿' }
    await store.note([{ id: 'a', run: 0, lines: [line('1'), line('2')] }])
    await store.note([
      { id: 'a', run: 0, progress: '1' },
      { id: 'a', run: 0, lines: [third] },
    ])
    expectEqual(await store.logs('a'), [line('1'), line('2'), third], 'the lines')
  }),
  storeCase('note/lines alone leave the progress, progress alone leaves the lines', async (store) => {
    await insert(store, newTask('a'))
    await claimOne(store)
    await store.note([{ id: 'a', run: 0, progress: '1', lines: [line('1')] }])
    await store.note([{ id: 'a', run: 0, lines: [line('2')] }])
    await store.note([{ id: 'a', run: 0, lines: [] }])
    expectEqual([(await taskOf(store, 'a')).progress, (await store.logs('a')).length], ['1', 2], 'progress and lines')
  }),
  storeCase('note/a run that is not the current one is not heard', async (store) => {
    await insert(store, newTask('a'))
    await apply(store, await claimOne(store), retriedAfter(0))
    await claimOne(store)
    await store.note([
      { id: 'a', run: 0, progress: '"old"', lines: [line('old')] },
      { id: 'a', run: 2, progress: '"new"', lines: [line('new')] },
    ])
    expectEqual([(await taskOf(store, 'a')).progress, await store.logs('a')], [undefined, []], 'progress and lines')
  }),
  storeCase('note/lines of earlier runs stay', async (store) => {
    await insert(store, newTask('a'))
    const first = await claimOne(store)
    await store.note([{ id: 'a', run: 0, lines: [line('first')] }])
    await apply(store, first, retriedAfter(0))
    await claimOne(store)
    await store.note([{ id: 'a', run: 1, lines: [line('second', 1)] }])
    expectEqual(await store.logs('a'), [line('first'), line('second', 1)], 'the lines')
  }),
  storeCase('note/unknown tasks are passed over', async (store) => {
    await insert(store, newTask('a'))
    await claimOne(store)
    await store.note([
      { id: 'nobody', run: 0, progress: '1', lines: [line('x')] },
      { id: 'a', run: 0, progress: '2' },
    ])
    await store.note([])
    expectEqual([(await taskOf(store, 'a')).progress, await store.logs('nobody')], ['2', []], 'progress and lines')
  }),
  storeCase('note/notes of many tasks in one call stay apart', async (store) => {
    await insert(store, ...newTasks(300))
    const tasks = await claim(store)
    await store.note(tasks.map(({ id, run }, index) => ({ id, run, progress: `${index}`, lines: [line(id)] })))
    const progress = (await store.get(['t0', 't299'])).map((task) => task?.progress)
    expectEqual([progress, await store.logs('t7')], [['0', '299'], [line('t7')]], 'progress and lines')
  }),
]
