/** The history: what is over stands in days that are dropped whole, and ids are known in it. */

import type { Store } from '@lovage/core'
import pg from 'pg'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { claimRequest, completed, newTask, runAll } from './fixtures/new-task.ts'
import { postgresStore } from './index.ts'

const server = await cluster()
const url = await server.database()
const day = 86_400_000
const today = Math.floor(Date.now() / day) * day

let schemas = 0
let schema: string
let store: Store
let client: pg.Client

beforeEach(async () => {
  schema = `history_${++schemas}`
  store = await postgresStore(url, { schema })
  client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(async () => {
    await client.end()
    await store.close()
  })
})

/** Makes the partitions of days that are past by now. */
async function pastDays(count: number): Promise<void> {
  await client.query(`select ${schema}.make_days(${today - count * day}, ${today})`)
}

async function partitions(): Promise<readonly string[]> {
  const { rows } = await client.query(
    `select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where nspname = $1 and relname like 'history\\_completed\\_2%' and relkind = 'r' order by 1`,
    [schema],
  )
  return rows.map(({ relname }) => relname)
}

test('a day that is over is dropped with all that was resolved on it, and only that', async () => {
  await pastDays(5)
  for (const ago of [4, 3, 1]) {
    await store.insert([newTask(`a${ago}`), newTask(`b${ago}`)])
    await runAll(store, today - ago * day + 1000)
  }
  const before = (await partitions()).length
  expect(await store.prune({ state: 'completed', before: today - 2 * day, limit: 100 })).toBe(4)
  expect((await partitions()).length).toBe(before - 3)
  expect((await store.get(['a4', 'b3', 'a1', 'b1'])).map((task) => task?.state)).toEqual([
    undefined,
    undefined,
    'completed',
    'completed',
  ])
  // Half a day is kept until all of it may go.
  expect(await store.prune({ state: 'completed', before: today - day + 5000, limit: 100 })).toBe(0)
  expect(await store.prune({ state: 'failed', before: today, limit: 100 })).toBe(0)
  expect((await store.get(['a1']))[0]?.state).toBe('completed')
})

test('what is still needed outlives its day', async () => {
  await pastDays(5)
  const at = today - 4 * day + 1000
  await store.insert([newTask('needed'), newTask('other'), newTask('keyed', { key: 'k', keyUntil: today + day })])
  await runAll(store, at)
  await store.note([{ id: 'needed', run: 0, lines: [{ run: 0, at, level: 'info', text: 'kept' }] }])
  await store.note([{ id: 'other', run: 0, lines: [{ run: 0, at, level: 'info', text: 'gone' }] }])
  await store.insert([newTask('behind', { extras: { dependencies: ['needed'] }, dueAt: today + day, createdAt: at })])
  expect(await store.prune({ state: 'completed', before: today - 2 * day, limit: 100 })).toBe(1)
  expect((await store.get(['needed', 'other', 'keyed'])).map((task) => task?.result)).toEqual(['1', undefined, '1'])
  expect(await store.logs('needed')).toMatchObject([{ text: 'kept' }])
  expect(await store.logs('other')).toEqual([])
  const again = await store.insert([newTask('new', { key: 'k', createdAt: today })])
  expect(again.results).toMatchObject([{ status: 'existing', id: 'keyed' }])
  // Once nobody needs it, it goes.
  const { tasks } = await store.claim(claimRequest({ now: today + day }))
  await store.update(tasks.map((task) => completed(task, today + day)))
  expect(await store.prune({ state: 'completed', before: today + day + 1, limit: 100 })).toBe(2)
  expect((await store.get(['needed', 'keyed', 'behind'])).map((task) => task?.state)).toEqual([undefined, undefined, 'completed'])
})

test('an id that stands in the history is known, whichever day it was resolved on', async () => {
  await pastDays(30)
  const now = Date.now()
  const uuid = `${(now - 20 * day)
    .toString(16)
    .padStart(12, '0')
    .replace(/^(.{8})(.{4})$/, '$1-$2')}-7aaa-8aaa-aaaaaaaaaaaa`
  for (const id of ['chosen', uuid]) await store.insert([newTask(id, { input: '1' })])
  await runAll(store, now - 19 * day)
  for (const id of ['chosen', uuid]) {
    expect((await store.insert([newTask(id, { input: '1' })])).results).toEqual([{ status: 'existing', id, state: 'completed' }])
    expect((await store.insert([newTask(id, { input: '2' })])).results).toEqual([{ status: 'conflict', id, on: 'id' }])
    expect((await store.get([id]))[0]).toMatchObject({ state: 'completed', input: '1' })
  }
  expect((await store.counts()).map(({ state, count }) => [state, count])).toEqual([['completed', 2]])
})

test('what is not resolved, or was lately, is found without a look at days that are long over', async () => {
  await pastDays(5)
  const slugids = ['aBcDeFgHQ_iKlMnOpQrStA', 'bBcDeFgHQ_iKlMnOpQrStA']
  await store.insert([newTask(slugids[0] as string)])
  await runAll(store, Date.now())
  await store.insert([newTask(slugids[1] as string)])
  await client.query('begin')
  await client.query(`lock table ${schema}.${(await partitions())[0]} in access exclusive mode`)
  expect((await store.get(slugids)).map((task) => task?.state)).toEqual(['completed', 'pending'])
  const unknown = store.get(['cBcDeFgHQ_iKlMnOpQrStA'])
  await client.query('commit')
  expect(await unknown).toEqual([undefined])
})

test('a reader who holds the history for long delays a drop, and nobody else', async () => {
  await pastDays(5)
  await store.insert([newTask('old')])
  await runAll(store, today - 4 * day)
  await client.query('begin')
  await client.query(`select count(*) from ${schema}.history`)
  await expect(store.prune({ state: 'completed', before: today - 2 * day, limit: 100 })).rejects.toMatchObject({
    code: 'STORE_BUSY',
  })
  await store.insert([newTask('meanwhile')])
  await runAll(store, Date.now())
  await client.query('commit')
  expect(await store.prune({ state: 'completed', before: today - 2 * day, limit: 100 })).toBe(1)
})

test('processes that forget at once forget each task once', async () => {
  await pastDays(5)
  const others = await Promise.all([1, 2, 3].map(() => postgresStore(url, { schema })))
  onTestFinished(() => Promise.all(others.map((other) => other.close())).then(() => {}))
  await store.insert(Array.from({ length: 30 }, (_, index) => newTask(`t${index}`)))
  await runAll(store, today - 4 * day)
  await store.insert(Array.from({ length: 30 }, (_, index) => newTask(`u${index}`)))
  await runAll(store, today - 20 * day)
  const counts = await Promise.all(
    [store, ...others].map((each) => each.prune({ state: 'completed', before: today, limit: 100 })),
  )
  const more = await store.prune({ state: 'completed', before: today, limit: 100 })
  expect(counts.reduce((sum, count) => sum + count, more)).toBe(60)
  expect(await store.counts()).toEqual([])
})

test('days that are missing are made when nobody reads the history for long', async () => {
  const last = (await partitions()).at(-1)
  await client.query(`drop table ${schema}.history_exception_${last?.slice(-8)}, ${schema}.${last}`)
  await client.query('begin')
  await client.query(`select count(*) from ${schema}.history`)
  const other = await postgresStore(url, { schema })
  await other.insert([newTask('meanwhile')])
  await runAll(other, Date.now())
  expect(await partitions()).not.toContain(last)
  await client.query('commit')
  await other.prune({ state: 'completed', before: today - 2 * day, limit: 100 })
  expect(await partitions()).toContain(last)
  await other.close()
})

test('a task that somebody else has in hand is asked for again', async () => {
  await store.insert([newTask('held')])
  await client.query('begin')
  await client.query(`select from ${schema}.task where id = 'held' for update`)
  const now = Date.now()
  const { tasks, nextDueAt } = await store.claim(claimRequest({ now }))
  expect([tasks, (nextDueAt ?? Number.POSITIVE_INFINITY) - now < 100]).toEqual([[], true])
  await client.query('commit')
  expect((await store.claim(claimRequest({ now }))).tasks).toHaveLength(1)
})

test('a dependency that is done and rerun again and again is always known', async () => {
  const other = await postgresStore(url, { schema })
  await store.insert([newTask('x')])
  let isOver = false
  const turns = (async () => {
    for (let run = 0; !isOver; run++) {
      await other.claim(claimRequest())
      await other.update([completed({ id: 'x', run })])
      await other.update([{ id: 'x', from: 'completed', run, patch: { state: 'pending', resolvedAt: null, result: null } }])
    }
  })()
  for (let count = 0; count < 200; count++) {
    const behind = newTask(`behind${count}`, { name: 'other', extras: { dependencies: ['x'] } })
    expect((await store.insert([behind])).results).toMatchObject([{ status: 'inserted' }])
  }
  isOver = true
  await turns
  await other.close()
})
