/** What durable stores owe after a kill: all that was acknowledged, and of the rest whole calls or nothing. */
import type { Store } from '@lovage/core'
import { expectEqual, expectTrue, present } from '../expect.ts'
import {
  after,
  apply,
  changeFor,
  claim,
  claimOne,
  claimRequest,
  completed,
  failed,
  idsOf,
  insert,
  newTask,
  newTasks,
  statesOf,
  t0,
  taskOf,
  work,
} from '../moves.ts'
import type { StoreCase, StoreTools } from '../store-case.ts'

/** Makes a case of what is done before the kill, and what must be there after it. */
function crash<Left>(
  name: string,
  before: (store: Store) => Promise<Left>,
  then: (store: Store, left: Left) => Promise<void>,
): StoreCase {
  return {
    name: `crash/${name}`,
    needs: ['durable'],
    async run(tools: StoreTools) {
      const left = await before(await tools.open())
      await present(tools.crash, 'a `crash` among the tools of a durable store')()
      const store = await tools.open()
      await then(store, left).finally(() => store.close())
    },
  }
}

/** Leaves a call under way: nobody will hear its answer. */
function abandon(call: Promise<unknown>): void {
  call.catch(() => undefined)
}

export const crashCases: readonly StoreCase[] = [
  crash(
    'acknowledged tasks are there, in their order',
    async (store) => {
      await insert(store, ...newTasks(50), newTask('urgent', { priority: 7, input: '{"é":1}' }))
    },
    async (store) => {
      expectEqual(idsOf(await claim(store)), ['urgent', ...idsOf(newTasks(50))], 'the order of claimed tasks')
      expectEqual((await taskOf(store, 'urgent')).input, '{"é":1}', 'the input')
    },
  ),
  crash(
    'acknowledged claims hold, and their leases end',
    async (store) => {
      await insert(store, newTask('a'))
      return claimOne(store, { until: t0 + 100_000 })
    },
    async (store, running) => {
      expectEqual(await taskOf(store, 'a'), running, 'the running task')
      expectEqual(await claim(store), [], 'what can be claimed')
      const [overdue] = (await store.sweep(t0 + 100_000, 10)).overdue
      expectTrue(
        await apply(store, present(overdue, 'an overdue run'), { type: 'lost', how: 'expired' }),
        'the run to be taken away',
      )
      expectEqual((await claimOne(store)).run, 1, 'the number of the next run')
      expectEqual(await apply(store, running, completed), false, 'whether the old run still counts')
    },
  ),
  crash(
    'acknowledged settlements hold, with all that followed',
    async (store) => {
      await insert(store, newTask('a'), newTask('b'), after('c', ['a']), after('d', ['b']))
      await store.update((await claim(store)).map((task) => changeFor(task, task.id === 'a' ? completed : failed)))
    },
    async (store) => {
      expectEqual(await statesOf(store, 'a', 'b', 'c', 'd'), ['completed', 'failed', 'pending', 'exception'], 'the states')
      expectEqual((await taskOf(store, 'a')).result, '{"ok":true}', 'the result')
    },
  ),
  crash(
    'acknowledged notes, renewals and records hold',
    async (store) => {
      await insert(store, newTask('a'))
      await claim(store, { until: t0 + 100_000 })
      await store.note([{ id: 'a', run: 0, progress: '0.5', lines: [{ run: 0, at: t0, level: 'warn', text: 'x' }] }])
      await store.renew({ holder: 'h1', until: t0 + 200_000 })
      await store.records.write([{ kind: 'k', key: 'a', value: '1' }])
    },
    async (store) => {
      const { progress, takenUntil } = await taskOf(store, 'a')
      expectEqual([progress, takenUntil, (await store.logs('a')).length], ['0.5', t0 + 200_000, 1], 'progress, lease and lines')
      expectEqual(await store.records.read('k', 'a'), { kind: 'k', key: 'a', value: '1', version: 1 }, 'the record')
    },
  ),
  crash(
    'a sender that did not hear the answer may send again',
    async (store) => {
      await insert(store, newTask('heard', { key: 'k' }))
      abandon(store.insert([newTask('unheard')]))
    },
    async (store) => {
      const { results } = await store.insert([newTask('heard', { key: 'k' }), newTask('unheard'), newTask('other', { key: 'k' })])
      expectEqual([results[0]?.status, results[1]?.id, results[2]?.id], ['existing', 'unheard', 'heard'], 'the results')
      expectEqual(await work(store), ['heard', 'unheard'], 'the order of work')
    },
  ),
  crash(
    'an insert under way is whole or absent',
    async (store) => {
      await insert(store, newTask('before'))
      for (const prefix of ['x', 'y', 'z']) abandon(store.insert(newTasks(400).map(({ id }) => newTask(`${prefix}-${id}`))))
    },
    async (store) => {
      const counts = await store.counts()
      const count = (counts[0]?.count ?? 0) - 1
      expectTrue(count >= 0 && count % 400 === 0, `whole batches of 400 beside the task before, not ${count}`)
    },
  ),
  crash(
    'a settlement under way and all that follows is whole or absent',
    async (store) => {
      const rest = newTasks(300).map(({ id }) => after(id, ['a']))
      await insert(store, newTask('a'), ...rest)
      abandon(store.update([changeFor(await claimOne(store), failed)]))
    },
    async (store) => {
      const counts = (await store.counts()).filter(({ count }) => count > 0)
      const lines = counts.map(({ state, count }) => `${state} ${count}`).sort()
      const none = ['blocked 300', 'running 1']
      expectEqual(lines, lines.includes('failed 1') ? ['exception 300', 'failed 1'] : none, 'the counts')
    },
  ),
  crash(
    'a claim under way is whole or absent',
    async (store) => {
      await insert(store, ...newTasks(200))
      abandon(store.claim(claimRequest({ limit: 150 })))
    },
    async (store) => {
      const running = (await store.find({ states: ['running'], limit: 1000 })).tasks
      expectTrue(running.length === 0 || running.length === 150, `no task or all 150 to be running, not ${running.length}`)
      expectTrue(
        running.every(({ holder, takenUntil, run }) => holder === 'h1' && takenUntil !== undefined && run === 0),
        'every running task to have a holder and a lease',
      )
    },
  ),
  crash(
    'writes of several records under way are whole or absent',
    async (store) => {
      await store.records.write([{ kind: 'k', key: 'a', value: '0' }])
      abandon(store.records.write(['a', 'b', 'c'].map((key) => ({ kind: 'k', key, value: '1' }))))
    },
    async (store) => {
      const values = (await store.records.list('k')).map(({ value }) => value)
      expectTrue(['0', '1,1,1'].includes(values.join()), `the old record or all three new ones, not ${values.join()}`)
    },
  ),
]
