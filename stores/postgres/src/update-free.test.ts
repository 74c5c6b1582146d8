/** Changes that pass over what open transactions keep. */
import type { Store, TaskChange } from '@lovage/core'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { claimRequest, newTask } from './fixtures/new-task.ts'
import { postgresStore } from './index.ts'

const server = await cluster()

/** A store with tasks that run, and a session beside it. */
async function running(...ids: readonly string[]): Promise<readonly [Store, pg.Client]> {
  const url = await server.database()
  const [store, sql] = [await postgresStore(url), new pg.Client(url)]
  await sql.connect()
  onTestFinished(async () => {
    await sql.end()
    await store.close()
  })
  await store.insert(ids.map((id) => newTask(id)))
  await store.claim(claimRequest({ limit: ids.length, now: 3000 }))
  return [store, sql]
}

const lost = (id: string, run = 0): TaskChange => ({ id, from: 'running', run, patch: { state: 'pending', lost: 1 } })
const worn = (id: string): TaskChange => ({
  id,
  from: 'running',
  run: 0,
  patch: { state: 'exception', reason: 'worker-lost', resolvedAt: 4000 },
})

test('what is kept, gone or at another run is passed over, and the answers stand in their places', async () => {
  const [store, sql] = await running('a', 'b', 'c', 'd')
  await sql.query('begin')
  await sql.query(`select from lovage.task where id = 'b' for update`)
  const changes = [lost('nobody'), lost('d'), lost('b'), lost('c', 7), worn('a')]
  const reply = await store.update(changes, { kept: 'pass' })
  expect(reply).toMatchObject({ applied: [false, true, false, false, true], ready: ['default'] })
  await sql.query('commit')
  const states = (await store.get(['a', 'b', 'c', 'd'])).map((task) => task?.state)
  expect(states).toEqual(['exception', 'running', 'running', 'pending'])
  expect((await store.update([lost('b')], { kept: 'pass' })).applied).toEqual([true])
  expect(await store.update([], { kept: 'pass' })).toMatchObject({ applied: [] })
})

test('what is kept for a moment is waited for', async () => {
  const [store, sql] = await running('a')
  await sql.query('begin')
  await sql.query('select from lovage.task for update')
  const updated = store.update([lost('a')], { kept: 'pass' })
  const other = new pg.Client({ connectionString: `postgres://${sql.user}@${sql.host}:${sql.port}/${sql.database}` })
  await other.connect()
  onTestFinished(() => other.end())
  const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  while ((await other.query(waiting)).rowCount === 0);
  await sql.query('commit')
  expect((await updated).applied).toEqual([true])
})

test('losses do not wait for the disk, verdicts do', async () => {
  const [store, sql] = await running('a', 'b', 'c')
  // A deferred trigger sees the settings under which the transaction is committed.
  await sql.query(`create table public.waits (id text, setting text);
    create function public.look() returns trigger language plpgsql as $$ begin
      insert into public.waits values (old.id, current_setting('synchronous_commit')); return null; end $$;
    create constraint trigger look after update or delete on lovage.task deferrable initially deferred
      for each row execute function public.look()`)
  await store.update([lost('a')], { kept: 'pass' })
  await store.update([lost('b'), worn('c')], { kept: 'pass' })
  const { rows } = await sql.query('select id, setting from public.waits order by id')
  expect(rows).toEqual([
    { id: 'a', setting: 'off' },
    { id: 'b', setting: 'on' },
    { id: 'c', setting: 'on' },
  ])
})
