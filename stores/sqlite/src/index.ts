/** The queue's file: a store, a signal and a liveness around one SQLite database. */
export type { SchemaFacts } from './schema.ts'
export * from './sqlite-backend.ts'
export * from './sqlite-options.ts'
export * from './sqlite-schema.ts'
export * from './sqlite-store.ts'
