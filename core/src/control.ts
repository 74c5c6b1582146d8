/** Remote control: requests to workers and their replies. Command names and reply shapes are Celery's where it has one. */
import type { AbortSignal } from './context.ts'

/** Whom a request addresses, and how long to wait. */
export interface RequestOptions {
  /** Exactly these workers (`name@host`); undefined means all. Answers are awaited until all of them have replied. */
  readonly destination?: readonly string[] | undefined
  /** A glob on worker names (`*` and `?`). */
  readonly pattern?: string | undefined
  /** Milliseconds to wait for replies; default 1000. */
  readonly timeoutMs?: number | undefined
  /** Stop waiting after so many replies. */
  readonly limit?: number | undefined
  /** Ends the wait: the request rejects with the reason of the signal. Workers that heard of it still do as asked. */
  readonly signal?: AbortSignal | undefined
}

/** What one worker answered. */
export type ControlReply =
  | { readonly worker: string; readonly ok: true; readonly value: unknown }
  | { readonly worker: string; readonly ok: false; readonly error: string }

/** Answers a command; a thrown error becomes a reply with `ok: false`. */
export type ControlHandler = (method: string, args: Readonly<Record<string, unknown>>) => unknown

/** Commands that ask. The CLI's `inspect` accepts these. */
export const inspectMethods = [
  'ping',
  'stats',
  'active',
  'reserved',
  'scheduled',
  'revoked',
  'registered',
  'query_task',
  'conf',
  'report',
  'active_queues',
  'clock',
  'hello',
] as const

/** Commands that change. The CLI's `control` accepts these. */
export const controlMethods = [
  'revoke',
  'terminate',
  'rate_limit',
  'time_limit',
  'add_consumer',
  'cancel_consumer',
  'pool_grow',
  'pool_shrink',
  'autoscale',
  'enable_events',
  'disable_events',
  'heartbeat',
  'shutdown',
  'pause',
  'resume',
] as const

/** Tells whether a worker's name matches a glob of `*` and `?`. */
export function matchesPattern(pattern: string, name: string): boolean {
  let p = 0
  let n = 0
  let star = -1
  let mark = 0
  while (n < name.length) {
    if (p < pattern.length && (pattern[p] === '?' || (pattern[p] === name[n] && pattern[p] !== '*'))) {
      p++
      n++
    } else if (pattern[p] === '*') {
      star = p++
      mark = n
    } else if (star >= 0) {
      p = star + 1
      n = ++mark
    } else {
      return false
    }
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
