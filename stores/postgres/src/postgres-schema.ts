/** A look at the tables of a database, and bringing them up to date without opening a queue. */
import { Database } from './database.ts'
import { type PostgresOptions, postgresSettings } from './postgres-options.ts'
import { migrate, type SchemaFacts, schemaFacts } from './schema.ts'

/**
 * Tells how old the tables are; changes nothing.
 * @throws {StoreError} STORE_UNAVAILABLE, SCHEMA_NEWER
 */
export function postgresSchema(url: string, options?: PostgresOptions): Promise<SchemaFacts> {
  return on(url, options, (database) => schemaFacts(database, database.query))
}

/**
 * Brings the tables up to date; may run while workers do. Answers how old they were.
 * @throws {StoreError} STORE_UNAVAILABLE, SCHEMA_NEWER
 */
export function migratePostgres(url: string, options?: PostgresOptions): Promise<SchemaFacts> {
  return on(url, options, migrate)
}

async function on<Result>(
  url: string,
  options: PostgresOptions | undefined,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = new Database(postgresSettings(url, options))
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}
