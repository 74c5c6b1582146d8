/** What may be opened as a store, what may not, and what is said about it. */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { backendProcess } from './fixtures/backend-process.ts'
import { newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { migrateSqlite, sqliteSchema, sqliteStore } from './index.ts'

test('a file that is absent is created and keeps what was put in', async () => {
  const path = await scratchFile(onTestFinished)
  const first = await sqliteStore(path)
  await first.insert([newTask('a')])
  await first.close()
  const second = await sqliteStore(path)
  expect((await second.get(['a']))[0]?.state).toBe('pending')
  await second.close()
})

test('memory is not a file', async () => {
  await expect(sqliteStore(':memory:')).rejects.toMatchObject({ code: 'OPTION_INVALID', message: /memory:/ })
  await expect(sqliteStore('')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})

test.each([
  [{ synchronous: 'off' as 'full' }, /synchronous/],
  [{ synchronos: 'full' } as object, /option of a SQLite store .*did you mean `synchronous`\?$/],
  [{ busyTimeoutMs: -1 }, /busyTimeoutMs/],
  [{ blockedLimitMs: Number.NaN }, /blockedLimitMs/],
])('the options %o are refused', async (options, message) => {
  await expect(sqliteStore('x.db', options)).rejects.toMatchObject({ code: 'OPTION_INVALID', message })
})

test('a folder that is missing, or a folder instead of a file, is unavailable', async () => {
  const path = await scratchFile(onTestFinished)
  await expect(sqliteStore(join(path, 'in', 'nowhere.db'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
  await mkdir(path)
  await expect(sqliteStore(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: new RegExp(path) })
  await expect(sqliteSchema(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

test('a file that is no database is corrupt, and stays as it is', async () => {
  const path = await scratchFile(onTestFinished)
  await writeFile(path, 'My diary. '.repeat(500))
  await expect(sqliteStore(path)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  await expect(sqliteSchema(path)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  expect(await readFile(path, 'utf8')).toBe('My diary. '.repeat(500))
})

test("another program's database is refused, and stays as it is", async () => {
  const path = await scratchFile(onTestFinished)
  const db = new DatabaseSync(path)
  db.exec('create table recipe (name text)')
  db.close()
  const before = await readFile(path)
  await expect(sqliteStore(path)).rejects.toMatchObject({ code: 'STORE_CORRUPT', message: /another program/ })
  expect((await readFile(path)).equals(before)).toBe(true)
})

test('a file from before the first release is refused, and stays as it is', async () => {
  const path = await scratchFile(onTestFinished)
  const db = new DatabaseSync(path)
  db.exec('pragma application_id = 0x4c6f7667; pragma user_version = 1; create table task (state text)')
  db.close()
  const before = await readFile(path)
  await expect(sqliteStore(path)).rejects.toMatchObject({ code: 'STORE_CORRUPT', message: /before its first release/ })
  expect((await readFile(path)).equals(before)).toBe(true)
})

test('a file of a newer Lovage is refused, and stays as it is', async () => {
  const path = await scratchFile(onTestFinished)
  const { latest } = await migrateSqlite(path)
  setVersion(path, 99)
  await expect(sqliteStore(path)).rejects.toMatchObject({ code: 'SCHEMA_NEWER', message: /99/ })
  await expect(migrateSqlite(path)).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
  setVersion(path, latest)
  await (await sqliteStore(path)).close()
})

test('without leave to create, what is absent or empty is refused and stays as it is', async () => {
  const path = await scratchFile(onTestFinished)
  await expect(sqliteStore(path, { create: false })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: /no such file/ })
  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  await writeFile(path, '')
  await expect(sqliteStore(path, { create: false })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: /an empty file/,
  })
  expect((await stat(path)).size).toBe(0)
  await (await sqliteStore(path)).close()
  await (await sqliteStore(path, { create: false })).close()
})

test('without leave to migrate nothing is created', async () => {
  const path = await scratchFile(onTestFinished)
  await expect(sqliteStore(path, { migrate: false })).rejects.toMatchObject({ code: 'SCHEMA_OLDER', message: /lovage migrate/ })
  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('the schema can be asked for and brought up to date', async () => {
  const path = await scratchFile(onTestFinished)
  const { latest } = await sqliteSchema(path)
  expect(await sqliteSchema(path)).toEqual({ current: 0, latest })
  expect(await migrateSqlite(path)).toEqual({ current: 0, latest })
  expect(await sqliteSchema(path)).toEqual({ current: latest, latest })
  expect(await migrateSqlite(path)).toEqual({ current: latest, latest })
  await (await sqliteStore(path, { migrate: false })).close()
})

test('processes that open a new file at once agree on one schema', async () => {
  const path = await scratchFile(onTestFinished)
  const processes = await Promise.all([1, 2, 3].map(() => backendProcess(onTestFinished, path)))
  await Promise.all(processes.map(({ store }, index) => store.insert([newTask(`t${index}`)])))
  expect((await processes[0]?.store.counts())?.map(({ count }) => count)).toEqual([3])
})

test('a file that vanished under the store does not take the process along', async () => {
  const path = await scratchFile(onTestFinished)
  const store = await sqliteStore(path)
  await rm(dirname(path), { recursive: true })
  await store.insert([newTask('a')]).catch((error: unknown) => expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' }))
  await store.close()
})

function setVersion(path: string, version: number): void {
  const db = new DatabaseSync(path)
  db.exec(`pragma user_version = ${version}`)
  db.close()
}
