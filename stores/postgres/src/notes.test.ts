/** What a run said reaches it although it is over by then. */
import pg from 'pg'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { postgresStore } from './index.ts'

const server = await cluster()

test('progress that meets its task on the way to the history is kept', async () => {
  const url = await server.database()
  const store = await postgresStore(url)
  onTestFinished(() => store.close())
  const [client, onlooker] = [new pg.Client(url), new pg.Client(url)]
  await Promise.all([client.connect(), onlooker.connect()])
  onTestFinished(() => Promise.all([client.end(), onlooker.end()]).then(() => {}))
  await store.insert([newTask('a'), newTask('b')])
  await store.claim(claimRequest())
  await client.query('begin')
  await store.update([completed({ id: 'a', run: 0 })], { transaction: client })
  const noted = store.note([
    { id: 'a', run: 0, progress: '0.9', lines: [{ run: 0, at: 1500, level: 'info', text: 'nearly' }] },
    { id: 'b', run: 0, progress: '0.1' },
    { id: 'b', run: 7, progress: '0.7' },
  ])
  const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
  await vi.waitFor(async () => expect((await onlooker.query(waiting)).rowCount).toBe(1), { timeout: 20_000, interval: 5 })
  await client.query('commit')
  await noted
  expect((await store.get(['a', 'b'])).map((task) => [task?.state, task?.progress])).toEqual([
    ['completed', '0.9'],
    ['running', '0.1'],
  ])
  expect(await store.logs('a')).toMatchObject([{ text: 'nearly' }])
})
