/** The facts of a file: read right, and nothing changed by reading. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sqliteFile } from './sqlite-file.ts'
import { sqliteStore } from './sqlite-store.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lovage-file-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a file that is not there has schema 0 and is not made', async () => {
  const path = join(folder, 'a.db')
  expect(sqliteFile(path)).toMatchObject({ path, exists: false, schema: { current: 0 }, journalMode: undefined })
  expect(sqliteFile(path).exists).toBe(false)
})

test('a store is at the latest schema, in WAL mode', async () => {
  const path = join(folder, 'a.db')
  await (await sqliteStore(path)).close()
  const { schema, ...rest } = sqliteFile(path)
  expect(rest).toEqual({ path, exists: true, journalMode: 'wal' })
  expect(schema.current).toBe(schema.latest)
})

test('what is no SQLite file, or one of another program, is refused and left alone', async () => {
  const text = join(folder, 'text.db')
  await writeFile(text, 'hello '.repeat(200))
  expect(() => sqliteFile(text)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
  expect(await readFile(text, 'utf8')).toBe('hello '.repeat(200))
  const foreign = join(folder, 'foreign.db')
  const db = new DatabaseSync(foreign)
  db.exec('create table other (a)')
  db.close()
  expect(() => sqliteFile(foreign)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
})

test('a file of a newer Lovage is refused', async () => {
  const path = join(folder, 'a.db')
  await (await sqliteStore(path)).close()
  const db = new DatabaseSync(path)
  db.exec('pragma user_version = 999')
  db.close()
  expect(() => sqliteFile(path)).toThrow(expect.objectContaining({ code: 'SCHEMA_NEWER' }))
})
