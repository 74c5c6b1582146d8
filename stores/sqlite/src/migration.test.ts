/** Files of every schema that there ever was become what a new file is, and keep what is in them. */
import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { backendProcess } from './fixtures/backend-process.ts'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { migrateSqlite, sqliteSchema, sqliteStore } from './index.ts'

const dumps = readdirSync(new URL('./fixtures', import.meta.url)).filter((name) => /^schema-\d+\.sql$/.test(name))
const versions = dumps.map((name) => Number(name.replace(/\D/g, ''))).sort((a, b) => a - b)
const ids = ['done', 'failed', 'stopped', 'running', 'read', 'pending', 'scheduled', 'blocked']
const states = ['completed', 'failed', 'exception', 'running', 'completed', 'pending', 'scheduled', 'blocked']

/** A file from the dump of one; answers its path. */
async function fileOf(version: number, ...more: readonly string[]): Promise<string> {
  const path = await scratchFile(onTestFinished)
  const db = new DatabaseSync(path)
  db.exec(readFileSync(new URL(`./fixtures/schema-${version}.sql`, import.meta.url), 'utf8'))
  for (const sql of more) db.exec(sql)
  db.close()
  return path
}

/** Everything that was declared in a file, with its indexes in order of name. */
function declared(path: string): readonly unknown[] {
  const db = new DatabaseSync(path, { readOnly: true })
  const found = [
    db.prepare('pragma table_xinfo(task)').all(),
    db.prepare('select type, name, sql from sqlite_schema order by type, name').all(),
    db.prepare('pragma integrity_check').all(),
    db.prepare('pragma application_id').all(),
  ]
  db.close()
  return found
}

test('there is a dump of every schema, so that none is changed once files have it', async () => {
  const { latest } = await sqliteSchema(await scratchFile(onTestFinished))
  expect(versions).toEqual(Array.from({ length: latest }, (_, index) => index + 1))
})

test.each(versions)('a file of schema %i becomes what a new file is', async (version) => {
  const path = await fileOf(version)
  const fresh = await scratchFile(onTestFinished)
  const { latest } = await migrateSqlite(fresh)
  expect(await migrateSqlite(path)).toEqual({ current: version, latest })
  expect(await sqliteSchema(path)).toEqual({ current: latest, latest })
  expect(declared(path)).toEqual(declared(fresh))
})

test.each(versions)('a file of schema %i opens, keeps its tasks and works', async (version) => {
  await expectWorks(await fileOf(version))
})

test('a file of schema 1 that already has what schema 2 adds opens and works, too', async () => {
  const path = await fileOf(
    1,
    `alter table task add column windowed integer as (key_until is not null and reason is not 'superseded') virtual;
     drop index resolved;
     create index resolved on task (state, queue, windowed, resolved_at) where state >= 4;
     create index window_end on task (state, queue, key_until) where state >= 4 and key_until is not null;
     create index read_later on task (state, queue, resolved_at) where state >= 4 and dependents = 1 and result is not null`,
  )
  await expectWorks(path)
})

test('a file of an older schema is refused without leave to migrate, and stays as it is', async () => {
  const path = await fileOf(1)
  const { latest } = await sqliteSchema(path)
  await expect(sqliteStore(path, { migrate: false })).rejects.toMatchObject({
    code: 'SCHEMA_OLDER',
    message: new RegExp(`to have schema ${latest}, got: 1\\. Run \`lovage migrate\``),
  })
  expect(await sqliteSchema(path)).toEqual({ current: 1, latest })
})

test('processes that open a file of an older schema at once agree', async () => {
  const path = await fileOf(1)
  const processes = await Promise.all([1, 2, 3].map(() => backendProcess(onTestFinished, path)))
  await Promise.all(processes.map(({ store }, index) => store.insert([newTask(`t${index}`)])))
  const [first] = processes
  expect((await first?.store.get([...ids, 't0', 't1', 't2']))?.map((task) => task?.state)).toEqual([
    ...states,
    'pending',
    'pending',
    'pending',
  ])
  expect((await sqliteSchema(path)).current).toBe((await sqliteSchema(path)).latest)
})

async function expectWorks(path: string): Promise<void> {
  const store = await sqliteStore(path)
  const statesOf = async (): Promise<readonly unknown[]> => (await store.get(ids)).map((task) => task?.state)
  expect(await statesOf()).toEqual(states)
  const [done, failed] = await store.get(ids)
  expect(done).toMatchObject({ key: 'k', result: '1', resolvedAt: 2000 })
  expect(failed).toMatchObject({ reason: 'handler-failed' })
  expect(await store.logs('running')).toMatchObject([{ text: 'on it' }])
  expect(await store.records.read('schedule', 's')).toMatchObject({ value: '{}' })
  expect((await store.insert([newTask('other', { key: 'k', keyUntil: 9000 })])).results[0]).toMatchObject({ id: 'done' })

  const prune = (state: 'completed' | 'exception', before: number, what: 'task' | 'result' = 'task') =>
    store.prune({ state, before, what, limit: 100 })
  // Another stands in for it, so that its key does not hold it.
  expect(await prune('exception', 3000)).toBe(1)
  // One holds its key until 9000, the other has a dependent that may read its result.
  expect(await prune('completed', 3000)).toBe(0)
  expect(await prune('completed', 3000, 'result')).toBe(1)
  const { tasks } = await store.claim(claimRequest({ now: 3000 }))
  expect(tasks.map(({ id }) => id)).toEqual(['pending'])
  await store.update(tasks.map(completed))
  expect((await store.get(['blocked']))[0]?.state).toBe('pending')
  expect(await prune('completed', 9000)).toBe(1)
  expect(await store.get(['stopped', 'done'])).toEqual([undefined, undefined])
  await store.close()
}
