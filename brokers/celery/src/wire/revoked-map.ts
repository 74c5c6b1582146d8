/** The set of revoked ids as workers tell it each other when they mingle. */
import { isRecord } from './embed.ts'
import { pythonFloat } from './python-json.ts'

/** When each id was revoked, in seconds of the monotonic clock of the node that says so; undefined where it is not said. */
export type RevokedMap = ReadonlyMap<string, number | undefined>

/** Gives what stands for a set in a message. Times are floats even if whole: Python refuses the whole set otherwise. */
export function revokedObject(revoked: RevokedMap): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...revoked].map(([id, added]) => [id, [pythonFloat(added ?? 0), id]]))
}

/** Reads a set in any form: `id: [added, id]`, `id: added`, or a list of ids. Leaves out what is none. */
export function readRevoked(value: unknown): RevokedMap {
  if (Array.isArray(value)) return new Map(value.filter((id) => typeof id === 'string').map((id) => [id, undefined]))
  if (!isRecord(value)) return new Map()
  return new Map(Object.entries(value).map(([id, added]) => [id, secondsOf(Array.isArray(added) ? added[0] : added)]))
}

function secondsOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
