/** The queue in PostgreSQL: durable truth for workers on many machines. */
export * from './postgres-backend.ts'
export type { PostgresOptions } from './postgres-options.ts'
export * from './postgres-schema.ts'
export { postgresStore } from './postgres-store.ts'
