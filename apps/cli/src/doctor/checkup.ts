/** A checkup: one thing that the doctor looks at, and what it found. */

export type Verdict = 'ok' | 'warn' | 'fail'

export interface Finding {
  readonly check: string
  readonly verdict: Verdict
  /** What was found; for `warn` and `fail` also what to do. */
  readonly detail: string
}

/** Answers what was found; throwing means that it failed. */
export interface Checkup {
  readonly check: string
  look(): Promise<Omit<Finding, 'check'>>
}

/** Everything is well. */
export function ok(detail = ''): Omit<Finding, 'check'> {
  return { verdict: 'ok', detail }
}

/** It works, but someone should know. */
export function warn(detail: string): Omit<Finding, 'check'> {
  return { verdict: 'warn', detail }
}
