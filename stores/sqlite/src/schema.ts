/** The tables of a Lovage file, as numbered migrations, and what may be opened as one. */
import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from '@lovage/core'

/** `Lova`: written into the header so that `file` and other programs can tell what it is. */
const applicationId = 0x4c6f7661

/**
 * Migration n (from 0) brings a file from version n to n + 1. One that files have been through is never changed:
 * `fixtures/schema-<n + 1>.sql` holds what it made. States: `state-codes.ts`.
 */
const migrations: readonly string[] = [
  `create table task (
     seq integer primary key,
     id text not null unique,
     name text not null,
     queue text not null,
     priority integer not null,
     state integer not null,
     reason text,
     input text not null,
     extras text,
     run integer not null default -1,
     retries integer not null default 0,
     retry_limit integer,
     lost integer not null default 0,
     lost_limit integer not null,
     blockers integer not null default 0,
     dependents integer not null default 0,
     due_at integer,
     deadline integer,
     key text,
     key_until integer,
     holder text,
     worker text,
     taken_until integer,
     created_at integer not null,
     started_at integer,
     resolved_at integer,
     result text,
     failure text,
     progress text,
     runs text
   );
   create index ready on task (queue, name, priority desc, seq, created_at) where state = 2;
   create index scheduled on task (queue, due_at) where state = 1;
   create index due on task (due_at) where state = 1;
   create index blocked on task (queue) where state = 0;
   create index running on task (holder, taken_until) where state = 3;
   create index deadline on task (deadline) where deadline is not null and state < 4;
   create index key on task (key, name, key_until, state) where key is not null;
   create index resolved on task (state, queue, resolved_at) where state >= 4;
   create table edge (
     required integer not null,
     dependent integer not null,
     satisfied integer not null default 0,
     requires text,
     on_failure text,
     primary key (required, dependent)
   ) without rowid;
   create index edge_dependent on edge (dependent);
   create table log (
     seq integer primary key,
     task integer not null,
     run integer not null,
     at integer not null,
     level text not null,
     text text not null
   );
   create index log_task on log (task, seq);
   create table record (
     kind text not null,
     key text not null,
     value text not null,
     version integer not null,
     primary key (kind, key)
   ) without rowid;`,
  // Where a task that may be forgotten stands. Before the first release there were files of version 1 with these indexes
  // and the column under another name.
  `alter table task add column keeps_key integer as (key_until is not null and reason is not 'superseded') virtual;
   drop index if exists resolved;
   drop index if exists window_end;
   drop index if exists read_later;
   create index resolved on task (state, queue, keeps_key, resolved_at) where state >= 4;
   create index window_end on task (state, queue, key_until) where state >= 4 and key_until is not null;
   create index read_later on task (state, queue, resolved_at) where state >= 4 and dependents = 1 and result is not null;`,
]

/** The schema's version in a file (0: none yet) and the one that this Lovage writes. */
export interface SchemaFacts {
  readonly current: number
  readonly latest: number
}

/** The version that this Lovage writes. */
export const latestSchema = migrations.length

/**
 * Reads what a file says it is.
 * @throws {StoreError} STORE_CORRUPT when it is some other program's database, SCHEMA_NEWER when a later Lovage wrote it.
 */
export function schemaFacts(db: DatabaseSync, path: string): SchemaFacts {
  const current = pragma(db, 'user_version')
  const owner = pragma(db, 'application_id')
  if (owner !== applicationId && !(owner === 0 && current === 0 && isEmpty(db))) {
    const message = `expected ${path} to be a Lovage file, got: a database of another program or of a Lovage before its first release. Name another file.`
    throw new StoreError('STORE_CORRUPT', message, { subject: path })
  }
  if (current > latestSchema) {
    const message = `expected ${path} to have schema ${latestSchema} or older, got: ${current}. Update Lovage.`
    throw new StoreError('SCHEMA_NEWER', message, { subject: path })
  }
  return { current, latest: latestSchema }
}

/** Brings the file to the latest schema. Runs inside the caller's transaction, after looking again under its lock. */
export function applyMigrations(db: DatabaseSync, path: string): void {
  const { current } = schemaFacts(db, path)
  for (const step of migrations.slice(current)) db.exec(step)
  db.exec(`pragma application_id = ${applicationId}; pragma user_version = ${latestSchema}`)
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`pragma ${name}`).get()?.[name] ?? 0)
}

function isEmpty(db: DatabaseSync): boolean {
  return db.prepare('select 1 from sqlite_schema limit 1').get() === undefined
}
