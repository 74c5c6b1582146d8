/** Real servers for tests and benchmarks: private port, private directory, gone with whoever started them. */
export * from './celery.ts'
export * from './celery-client.ts'
export * from './pgbouncer.ts'
export * from './postgres.ts'
export * from './rabbitmq.ts'
export * from './redis.ts'
export * from './unavailable.ts'
