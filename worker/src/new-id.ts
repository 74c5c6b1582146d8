/** Ids for tasks that handlers send: UUID version 7, which sort by time. */
import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(16 * 64)
let used = pool.length

/** Makes one for a time in epoch milliseconds. @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7 */
export function newId(now: number): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = pool.subarray(used, used + 16)
  used += 16
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
