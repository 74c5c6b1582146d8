/** The PostgreSQL backend: one database as the queue's store, signal, liveness and clock. */
import type { Clock, Liveness, Logger, LovageError, Signal, Store } from '@lovage/core'
import { Database } from './database.ts'
import { databaseClock } from './database-clock.ts'
import { Joiner } from './joiner.ts'
import { postgresLiveness } from './postgres-liveness.ts'
import { type PostgresOptions, postgresSettings } from './postgres-options.ts'
import { PostgresSession } from './postgres-session.ts'
import { postgresSignal } from './postgres-signal.ts'
import { storeOn } from './postgres-store.ts'
import { ready } from './schema.ts'

export interface PostgresBackend {
  readonly store: Store
  readonly signal: Signal
  readonly liveness: Liveness
  /** The database's time: whoever works with it agrees on when something is due. */
  readonly clock: Clock
  /** Sends what is on its way, waits for calls under way and closes everything. May be called twice. */
  close(): Promise<void>
}

/**
 * Opens a database as a backend; creates and migrates its tables unless `migrate` is false. The connection for signal and
 * liveness is joined on first use, so that a process that only reads or writes stays quick. An idle backend does not keep a
 * process alive.
 * @throws {ConfigError} OPTION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_FULL, STORE_BUSY, SCHEMA_NEWER, SCHEMA_OLDER
 */
export async function postgresBackend(url: string, options?: PostgresOptions): Promise<PostgresBackend> {
  const settings = postgresSettings(url, options)
  const database = new Database(settings)
  try {
    await ready(database, settings)
    const clock = await databaseClock(database.query)
    const { schema, heartbeatMs } = settings
    const session = new PostgresSession({
      connection: { connectionString: url },
      schema,
      heartbeatMs,
      onTrouble: (error) => tellTrouble(error, options?.logger),
      onBack: () => options?.logger?.info({}, 'PostgreSQL is back: wake-ups and the notice of crashes work again'),
    })
    const joiner = new Joiner(database)
    const signal = postgresSignal(session, database.read, joiner)
    const liveness = postgresLiveness(session, database.read)
    const store = storeOn(database, joiner)
    return {
      store,
      signal,
      liveness,
      clock,
      async close() {
        clock.stop()
        await signal.close()
        await liveness.close()
        await session.close()
        await store.close()
      },
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

function tellTrouble(error: LovageError, logger: Logger | undefined): void {
  if (logger === undefined) process.emitWarning(error.message, { code: 'LOVAGE_SIGNALS_LOST' })
  else logger.warn({}, error.rawMessage)
}
