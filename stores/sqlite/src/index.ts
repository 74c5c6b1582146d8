/** The queue's file: a store, a signal and a liveness around one SQLite database. */
export * from './sqlite-options.ts'
export * from './sqlite-store.ts'
