/** Where a name of any length stands in PostgreSQL, which has short names for channels and numbers for locks. */
import { hash } from 'node:crypto'

/** A channel of PostgreSQL, and the advisory lock that says that somebody listens to it. */
export interface Place {
  /** An identifier that needs no quotes. */
  readonly name: string
  /** 32 bits, signed as `pg_advisory_lock(int, int)` takes it. */
  readonly key: number
}

/** Two queues in one database have different schemas, and do not hear each other. */
export function placeOf(schema: string, name: string): Place {
  const digest = hash('sha256', `${schema}\0${name}`)
  return { name: `lovage_${digest.slice(0, 32)}`, key: signed(Number.parseInt(digest.slice(-8), 16)) }
}

/** Of the two numbers of an advisory lock the first, which is one kind of thing in one schema. */
export function lockClass(schema: string, kind: 'listener' | 'member'): number {
  return placeOf(schema, `locks of a ${kind}`).key
}

/** As `pg_locks` shows a number that went in signed. */
export function unsigned(key: number): number {
  return key >>> 0
}

export function signed(key: number): number {
  return key | 0
}
