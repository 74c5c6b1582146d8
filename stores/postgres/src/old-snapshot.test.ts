/** While somebody holds an old snapshot nothing that was claimed can be cleared away; claims find everything all the same. */

import type { Store, Task } from '@lovage/core'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { databaseClock } from './database-clock.ts'
import { cluster } from './fixtures/cluster.ts'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { postgresStore } from './index.ts'

const server = await cluster()
const url = await server.database()

const clock = await databaseClock(async (_, values) => {
  if (typeof values === 'function') values(0)
  return [[Date.now()]]
})

/** Claims again when the reply says so, until there is something. */
async function claimed(store: Store): Promise<readonly Task[]> {
  for (;;) {
    const now = Date.now()
    const { tasks, nextDueAt } = await store.claim(claimRequest({ now, until: now + 30_000, limit: 500 }))
    if (tasks.length > 0) return tasks
    if (nextDueAt === undefined) return []
    await new Promise<void>((resolve) => clock.at(nextDueAt, resolve))
  }
}

/** How many entries of the index of pending tasks were walked over so far. */
async function walked(client: pg.Client): Promise<number> {
  await client.query('select pg_stat_force_next_flush()')
  const { rows } = await client.query(`select idx_tup_read from pg_stat_user_indexes where indexrelname = 'task_ready'`)
  return Number(rows[0]?.idx_tup_read)
}

test('claims do not walk over what is gone, and what comes back or is more urgent is found', async () => {
  const store = await postgresStore(url, { connections: 1 })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  onTestFinished(async () => {
    await holder.end()
    await client.end()
    await store.close()
  })
  await store.insert([newTask('back')])
  const [back] = await claimed(store)
  await holder.query('begin isolation level repeatable read')
  await holder.query('select count(*) from lovage.task')
  for (let round = 0; round < 20; round++) {
    await store.insert(Array.from({ length: 500 }, (_, index) => newTask(`t${round}.${index}`)))
    await store.update((await claimed(store)).map((task) => completed(task)))
  }
  const before = await walked(client)
  for (let round = 0; round < 20; round++) {
    await store.insert([newTask(`one${round}`)])
    expect((await claimed(store)).map(({ id }) => id)).toEqual([`one${round}`])
  }
  // From the very beginning each would have been 20,000 and more, and that may be a few of them.
  expect((await walked(client)) - before).toBeLessThan(300_000)

  await store.update([{ id: 'back', from: 'running', run: back?.run ?? 0, patch: { state: 'pending' } }])
  expect((await claimed(store)).map(({ id }) => id)).toEqual(['back'])
  await store.insert([newTask('urgent', { priority: 7, name: 'other' })])
  expect((await claimed(store)).map(({ id }) => id)).toEqual(['urgent'])
})
