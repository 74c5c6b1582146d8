/** Long histories: pages, counts and pruning stay right where the store changes its way of looking. */
import { DatabaseSync } from 'node:sqlite'
import type { Task, TaskQuery } from '@lovage/core'
import { expect, onTestFinished, test } from 'vitest'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { pruner } from './prune.ts'
import { sqliteStore } from './sqlite-store.ts'
import { stateCodes } from './state-codes.ts'

test('states that many tasks are in and states that few are in make one page', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished), { synchronous: 'normal' })
  const many = 20_500
  await store.insert(
    Array.from({ length: many }, (_, index) => newTask(`t${index}`, { queue: index % 1000 === 0 ? 'rare' : 'q' })),
  )
  const { tasks } = await store.claim(claimRequest({ queues: ['rare'] }))
  expect(tasks.length).toBe(21)
  await store.update(tasks.slice(0, 7).map(completed))

  const all = async (query: TaskQuery): Promise<readonly Task[]> => {
    const found: Task[] = []
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const page = await store.find({ ...query, limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
      found.push(...page.tasks)
      cursor = page.cursor
    }
    return found
  }
  const live = await all({ states: ['pending', 'running'], order: 'oldest' })
  expect(live.length).toBe(many - 7)
  expect(live.map(({ id }) => Number(id.slice(1)))).toEqual(live.map(({ id }) => Number(id.slice(1))).sort((a, b) => a - b))
  expect((await all({ states: ['completed'] })).map(({ id }) => id)).toEqual(
    [6, 5, 4, 3, 2, 1, 0].map((index) => `t${index * 1000}`),
  )
  expect((await all({ states: ['completed', 'running'], queue: 'rare' })).length).toBe(21)
  expect((await store.counts()).map(({ queue, state, count }) => `${queue} ${state} ${count}`).sort()).toEqual([
    `q pending ${many - 21}`,
    'rare completed 7',
    'rare running 14',
  ])
  await store.close()
})

test('results are cleared once and by time, also those that end up behind what was looked at', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  const settle = async (id: string, resolvedAt: number): Promise<void> => {
    await store.insert([newTask(id)])
    const { tasks } = await store.claim(claimRequest())
    await store.update(
      tasks.map(({ run }) => ({ id, from: 'running', run, patch: { state: 'completed', result: '1', resolvedAt } })),
    )
  }
  const day = 86_400_000
  await settle('a', 10 * day)
  await settle('b', 11 * day)
  const prune = (before: number) => store.prune({ state: 'completed', before, what: 'result', limit: 100 })
  expect(await prune(10.5 * day)).toBe(1)
  expect(await prune(10.5 * day)).toBe(0)
  // A clock that is a little behind.
  await settle('c', 10.5 * day - 60_000)
  expect(await prune(12 * day)).toBe(2)
  expect((await store.get(['a', 'b', 'c'])).map((task) => task?.result)).toEqual([undefined, undefined, undefined])
  expect(await store.prune({ state: 'pending', before: 12 * day, limit: 100 })).toBe(0)
  expect(await store.prune({ state: 'completed', before: 12 * day, limit: 2 })).toBe(2)
  expect(await store.prune({ state: 'completed', before: 12 * day, limit: 2 })).toBe(1)
  await store.close()
})

test('results are looked for again from where they were when clearing them fails, and from the beginning in another file', async () => {
  const from: number[] = []
  const answers = [0, 100, new Error('full'), 7, 0, 0]
  let life = 1
  const prune = pruner(
    async (order) => {
      from.push(order.from)
      const answer = answers[from.length - 1] as number | Error
      if (answer instanceof Error) throw answer
      return answer
    },
    () => life,
  )
  const hour = 3_600_000
  const clear = (before: number) => prune({ state: 'completed', before, what: 'result', limit: 100 })
  await clear(1 * hour)
  await clear(2 * hour)
  await expect(clear(3 * hour)).rejects.toThrow('full')
  await clear(4 * hour)
  await prune({ state: 'failed', before: 4 * hour, what: 'result', limit: 100 })
  life = 2
  await clear(5 * hour)
  expect(from).toEqual([-1 * hour, 0, 0, 0, -1 * hour, -1 * hour])
})

test('tasks that are kept for their keys cost a prune nothing', async () => {
  const path = await scratchFile(onTestFinished)
  await (await sqliteStore(path)).close()
  const db = new DatabaseSync(path)
  db.exec(`with recursive n (i) as (select 1 union all select i + 1 from n where i < 50000)
    insert into task (id, name, queue, priority, state, input, lost_limit, created_at, resolved_at, key, key_until)
      select 't' || i, 'n', 'q', 4, ${stateCodes.completed}, 'null', 5, i, i, 'k' || i, 900000 from n`)
  db.close()
  const store = await sqliteStore(path)
  const prune = (before: number) => store.prune({ state: 'completed', before, limit: 500 })
  const best = async (call: () => Promise<unknown>): Promise<number> => {
    const times: number[] = []
    for (let round = 0; round < 5; round++) {
      const start = performance.now()
      await call()
      times.push(performance.now() - start)
    }
    return Math.min(...times)
  }
  expect(await prune(800_000)).toBe(0)
  // Counting walks once over all of them, and does nothing else.
  expect(await best(() => prune(800_000))).toBeLessThan(await best(() => store.counts()))
  expect(await prune(900_000)).toBe(500)
  await store.close()
})

test('a result that was needed is cleared when it is not any more, however late', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  const hour = 3_600_000
  const settle = async (id: string, now: number): Promise<void> => {
    const { tasks } = await store.claim(claimRequest({ now }))
    await store.update(
      tasks.map(({ run }) => ({ id, from: 'running', run, patch: { state: 'completed', result: '1', resolvedAt: now } })),
    )
  }
  const prune = (before: number) => store.prune({ state: 'completed', before, what: 'result', limit: 100 })
  await store.insert([newTask('a'), newTask('b', { extras: { dependencies: ['a'] }, dueAt: 5 * hour })])
  await settle('a', 2000)
  expect(await prune(2 * hour)).toBe(0)
  await settle('b', 6 * hour)
  expect(await prune(20 * hour)).toBe(2)
  expect((await store.get(['a', 'b'])).map((task) => task?.result)).toEqual([undefined, undefined])
  await store.close()
})
