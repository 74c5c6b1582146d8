/** A queue on PostgreSQL whose listening session was ended looks at its tasks when it listens again. */
import { startPostgres } from '@lovage/services'
import { postgresBackend } from '@lovage/store-postgres'
import pg from 'pg'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { manualClock, Recorder } from './fixtures/world.ts'
import { createQueueBroker } from './queue-broker.ts'

const server = await startPostgres()
afterAll(() => server.stop())

test('what was sent while nobody listened is claimed once the session is back, long before the safety check', async () => {
  const url = await server.database()
  const backend = await postgresBackend(url)
  // This clock stands still: neither the safety check nor a lease ever comes.
  const broker = await createQueueBroker({ ...backend, clock: manualClock(backend.clock.now()) })
  onTestFinished(() => broker.close())
  const recorder = await new Recorder().open(broker)
  const admin = new pg.Client(url)
  await admin.connect()
  onTestFinished(() => admin.end())
  const heard: string[] = []
  backend.signal.onBack?.(() => heard.push('back'))
  // Nobody says anything of this one.
  const task = { name: 'job', queue: 'default', priority: 4, input: '1', lostLimit: 5, createdAt: backend.clock.now() }
  await backend.store.insert([{ id: 'a', ...task }])
  const { rows } = await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where pid in (select pid from pg_locks where locktype = 'advisory')`,
  )
  expect(rows.length).toBeGreaterThan(0)
  await vi.waitFor(() => expect(recorder.names).toEqual(['a']), { timeout: 20_000, interval: 10 })
  expect(heard).toEqual(['back'])
})
