/** An idle worker looks less and less often at what an open transaction keeps. */
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { claimRequest, newTask } from './fixtures/new-task.ts'
import { postgresStore } from './index.ts'

const server = await cluster()

test('a pending task that somebody keeps is looked at again soon, and then less often, until it is free', async () => {
  const url = await server.database()
  const [store, sql] = [await postgresStore(url), new pg.Client(url)]
  await sql.connect()
  onTestFinished(async () => {
    await sql.end()
    await store.close()
  })
  await store.insert([newTask('kept')])
  const look = async (): Promise<number | undefined> => {
    const { tasks, nextDueAt } = await store.claim(claimRequest({ now: 5000 }))
    return tasks.length > 0 ? undefined : (nextDueAt ?? 5000) - 5000
  }
  const keep = async (): Promise<void> => {
    await sql.query('begin')
    await sql.query('select from lovage.task for update')
  }
  await keep()
  const waits: (number | undefined)[] = []
  for (let n = 0; n < 8; n++) waits.push(await look())
  expect(waits).toEqual([10, 20, 40, 80, 160, 320, 500, 500])
  await sql.query('commit')
  expect(await look()).toBeUndefined()
  await store.insert([newTask('another')])
  await keep()
  expect(await look()).toBe(10)
})
