/** The queue's memory: a store, a signal and a liveness inside one process. */
export * from './memory-backend.ts'
export * from './memory-liveness.ts'
export * from './memory-signal.ts'
export * from './memory-store.ts'
