/** The one connection to the file: how it is opened, how locks are waited for, and what each commit promises. */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from '@lovage/core'
import { notThereAnyMore } from './moved-file.ts'
import { applyMigrations, latestSchema, schemaFacts } from './schema.ts'
import { isBusy } from './sqlite-errors.ts'

/** What the connection needs to know; defaults are filled in by `sqlite-options.ts`. */
export interface ConnectionOptions {
  readonly path: string
  readonly synchronous: 'full' | 'normal'
  readonly create: boolean
  readonly migrate: boolean
  /** The file was open before, so it must be there: an empty one in its place would hide that it is gone. */
  readonly isReopened: boolean
  readonly busyTimeoutMs: number
}

/** An open file. Statements are prepared on `db` by the verbs; transactions go through here. */
export interface Connection {
  readonly db: DatabaseSync
  readonly path: string
  /** A snapshot for reads; takes no write lock. */
  beginRead(): void
  /**
   * Takes the write lock. With `durable` the commit waits for the disk when the store runs at FULL; without it a power
   * loss may undo the transaction (a crash of the process may not).
   */
  beginWrite(durable: boolean): void
  commit(): void
  /** Harmless when SQLite has already rolled back by itself. */
  rollback(): void
  close(): void
}

// 4000 pages (16 MB) between checkpoints: measured, fewer cost throughput, more only make the WAL larger.
const pragmas = `pragma temp_store = memory; pragma cache_size = -65536; pragma wal_autocheckpoint = 4000;
  pragma journal_size_limit = 67108864; pragma foreign_keys = off`

/**
 * Opens the file, creating and migrating it when allowed.
 * @throws {StoreError} SCHEMA_OLDER when it must be migrated and may not, STORE_UNAVAILABLE when it was there before and is
 * not or may not be created, and what `schemaFacts` throws
 */
export function openConnection(options: ConnectionOptions): Connection {
  const { path, busyTimeoutMs } = options
  const patient = patience(busyTimeoutMs)
  if (options.isReopened && !existsSync(path)) throw notThereAnyMore(path)
  // SQLite would leave an empty file behind.
  if (!options.create && !existsSync(path)) throw nothingThere(path, 'no such file')
  if (!options.migrate && !existsSync(path)) throw mustMigrate(path, 0)
  const db = patient(() => new DatabaseSync(path))
  try {
    // Before anything is written: a stranger's database must stay as it is.
    const { current } = patient(() => schemaFacts(db, path))
    if (current === 0 && !options.create) throw nothingThere(path, 'an empty file')
    if (current < latestSchema && !options.migrate) throw mustMigrate(path, current)
    patient(() => db.exec('pragma journal_mode = wal'))
    db.exec(pragmas)
    db.exec(`pragma synchronous = ${options.synchronous}`)
    if (current < latestSchema) migrate(db, path, patient)
  } catch (error) {
    db.close()
    throw error
  }
  return connectionOn(db, options, patient)
}

type Patient = <Value>(attempt: () => Value) => Value

function connectionOn(db: DatabaseSync, options: ConnectionOptions, patient: Patient): Connection {
  const read = db.prepare('begin')
  const write = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  const touch = db.prepare('select 1 from record limit 1')
  let waits = true
  return {
    db,
    path: options.path,
    beginRead() {
      patient(() => {
        read.run()
        try {
          touch.get()
        } catch (error) {
          // The snapshot is taken by the first read, which can be refused while another process recovers the WAL.
          db.exec('rollback')
          throw error
        }
      })
    },
    beginWrite(durable) {
      const shouldWait = durable && options.synchronous === 'full'
      if (options.synchronous === 'full' && shouldWait !== waits) {
        db.exec(`pragma synchronous = ${shouldWait ? 'full' : 'normal'}`)
        waits = shouldWait
      }
      patient(() => write.run())
    },
    commit: () => void patient(() => commit.run()),
    rollback() {
      if (db.isTransaction) db.exec('rollback')
    },
    close: () => db.close(),
  }
}

function migrate(db: DatabaseSync, path: string, patient: Patient): void {
  patient(() => db.exec('begin immediate'))
  try {
    applyMigrations(db, path)
    db.exec('commit')
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

function nothingThere(path: string, got: string): StoreError {
  const message = `expected a queue in ${path}, got: ${got}. Check the path; \`lovage worker\`, \`send\` and \`migrate\` begin a new one.`
  return new StoreError('STORE_UNAVAILABLE', message, { subject: path })
}

function mustMigrate(path: string, current: number): StoreError {
  const message = `expected ${path} to have schema ${latestSchema}, got: ${current}. Run \`lovage migrate\`.`
  return new StoreError('SCHEMA_OLDER', message, { subject: path })
}

/**
 * Tries again while others hold the lock. SQLite's own handler sleeps up to 100 ms between looks; a lock here is held
 * for a millisecond or a few, so looking every 0.2 to 1 ms hands it over much sooner.
 */
function patience(busyTimeoutMs: number): Patient {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  return (attempt) => {
    let end: number | undefined
    for (let wait = 0.2; ; wait = Math.min(1, wait * 1.5)) {
      try {
        return attempt()
      } catch (error) {
        end ??= performance.now() + busyTimeoutMs
        if (!isBusy(error) || performance.now() >= end) throw error
        Atomics.wait(cell, 0, 0, wait)
      }
    }
  }
}
