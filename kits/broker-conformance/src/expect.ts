/** Expectations: the few checks that cases need, so that the kit depends on no test runner. */
import { BugError, LovageError } from '@lovage/core'

/** Compares as JSON would: order of keys does not matter, an undefined field is an absent one. @throws {BugError} BUG */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (written(actual) === written(expected)) return
  throw new BugError('BUG', `expected ${what} to be ${written(expected)}, got: ${written(actual)}`)
}

/** @throws {BugError} BUG */
export function expectTrue(condition: boolean, what: string): void {
  if (!condition) throw new BugError('BUG', `expected ${what}`)
}

/** @throws {BugError} BUG when it does not reject, or with something else */
export async function expectRejection(promise: Promise<unknown>, code: string, what: string): Promise<void> {
  let got = 'a value'
  try {
    await promise
  } catch (error) {
    if (LovageError.is(error) && error.code === code) return
    got = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
  throw new BugError('BUG', `expected ${what} to be refused with ${code}, got: ${got}`)
}

/** @throws {BugError} BUG when it does not reject, or with something else than the reason */
export async function expectReason(promise: Promise<unknown>, reason: unknown, what: string): Promise<void> {
  const got = await promise.then(
    () => 'a value',
    (error: unknown) => (error === reason ? undefined : String(error)),
  )
  if (got !== undefined) throw new BugError('BUG', `expected ${what} to be rejected with ${String(reason)}, got: ${got}`)
}

function written(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (isPlain(part) ? sorted(part) : part)) ?? 'undefined'
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
