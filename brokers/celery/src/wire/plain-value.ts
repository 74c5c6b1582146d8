/** Values of YAML and MessagePack as JSON would bring them. */

/**
 * Makes of what a decoder answers what the same value is in JSON: bigints that fit are numbers, dates are their texts, maps are
 * objects and sets are lists. Bytes stay a Uint8Array.
 */
export function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value >= -maxSafe && value <= maxSafe ? Number(value) : value
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof Set) return [...value].map(plainValue)
  if (Array.isArray(value)) return value.map(plainValue)
  const entries = value instanceof Map ? value.entries() : Object.entries(value)
  return Object.fromEntries([...entries].map(([name, item]) => [String(name), plainValue(item)]))
}

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)
