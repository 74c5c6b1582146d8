/** What an operator asks of a file's schema: how old it is, and that it be brought up to date. */
import { existsSync } from 'node:fs'
import { latestSchema, type SchemaFacts, schemaFacts } from './schema.ts'
import { storeError } from './sqlite-errors.ts'
import { threadOptions } from './sqlite-options.ts'
import { sqliteStore } from './sqlite-store.ts'

/**
 * Tells the schema of a file without changing it; `current` is 0 for a file that is absent or empty.
 * @throws {ConfigError} OPTION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_BUSY, SCHEMA_NEWER
 */
export async function sqliteSchema(path: string): Promise<SchemaFacts> {
  const { path: file } = threadOptions(path)
  if (!existsSync(file)) return { current: 0, latest: latestSchema }
  const { DatabaseSync } = await import('node:sqlite')
  try {
    const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
    try {
      return schemaFacts(db, file)
    } finally {
      db.close()
    }
  } catch (error) {
    throw storeError(error, file)
  }
}

/**
 * Creates or migrates a file; answers what it was before. Safe while other processes have it open, and to call twice.
 * @throws {ConfigError} OPTION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_FULL, STORE_BUSY, SCHEMA_NEWER
 */
export async function migrateSqlite(path: string): Promise<SchemaFacts> {
  const before = await sqliteSchema(path)
  if (before.current < before.latest) await (await sqliteStore(path)).close()
  return before
}
