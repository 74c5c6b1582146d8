/** What every store owes the queue, as cases that are data. */
export * from './doctor-cases.ts'
export * from './store-case.ts'
export * from './store-cases.ts'
