/** What a file says of itself, read without changing it: for tools that look before they open a store. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { latestSchema, type SchemaFacts, schemaFacts } from './schema.ts'
import { storeError } from './sqlite-errors.ts'

export interface SqliteFile {
  /** Absolute. */
  readonly path: string
  readonly exists: boolean
  readonly schema: SchemaFacts
  /** SQLite's word, `wal` in a Lovage file; undefined while there is no file. */
  readonly journalMode: string | undefined
}

/**
 * Reads the facts of a file; one that does not exist has schema 0.
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_BUSY, SCHEMA_NEWER
 */
export function sqliteFile(path: string): SqliteFile {
  const absolute = resolve(path)
  if (!existsSync(absolute)) {
    return { path: absolute, exists: false, schema: { current: 0, latest: latestSchema }, journalMode: undefined }
  }
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(absolute, { readOnly: true, timeout: 5000 })
    const schema = schemaFacts(db, absolute)
    const journalMode = String(db.prepare('pragma journal_mode').get()?.journal_mode)
    return { path: absolute, exists: true, schema, journalMode }
  } catch (error) {
    throw storeError(error, absolute)
  } finally {
    db?.close()
  }
}
