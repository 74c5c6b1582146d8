/** Expectations: the few checks that cases need, so that the kit depends on no test runner. */
import { BugError, LovageError } from '@lovage/core'

/** Compares as JSON would: order of keys does not matter, an undefined field is an absent one. @throws {BugError} BUG */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (same(actual, expected)) return
  throw new BugError('BUG', `expected ${what} to be ${shown(expected)}, got: ${shown(actual)}`)
}

/** @throws {BugError} BUG */
export function expectTrue(condition: boolean, what: string): void {
  if (!condition) throw new BugError('BUG', `expected ${what}`)
}

/** Compares two lists whatever their order. @throws {BugError} BUG */
export function expectSameSet(actual: readonly string[], expected: readonly string[], what: string): void {
  expectEqual([...actual].sort(), [...expected].sort(), what)
}

/** Gives a value that must be there. @throws {BugError} BUG */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new BugError('BUG', `expected ${what}, got nothing`)
  return value
}

/** Awaits a refusal with this code. @throws {BugError} BUG */
export async function expectRefusal(work: Promise<unknown>, code: LovageError['code'], what: string): Promise<void> {
  let thrown: unknown
  try {
    await work
  } catch (error) {
    thrown = error
  }
  if (LovageError.is(thrown, code)) return
  const came = thrown === undefined ? 'no error' : String(thrown)
  throw new BugError('BUG', `expected ${what} to be refused with ${code}, got: ${came}`, { cause: thrown })
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  if (Array.isArray(a) && a.length !== (b as readonly unknown[]).length) return false
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => same(left[key], right[key]))
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 600 ? text : `${text.slice(0, 600)}... (${text.length} characters)`
}
