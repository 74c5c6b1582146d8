import { describe, expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { newId } from './new-id.ts'
import { RevokedIds } from './revoked-ids.ts'
import { revokedFromWire } from './revoked-wire.ts'
import { version } from './software.ts'

describe('revoked ids', () => {
  it('are kept three hours, and fifty thousand at most', () => {
    const revoked = new RevokedIds()
    revoked.add(['old'], 0)
    revoked.add(['new'], 10_800_000)
    expect([revoked.has('old'), revoked.has('new')]).toEqual([false, true])
    revoked.add(
      Array.from({ length: 50_000 }, (_, n) => `n${n}`),
      10_800_001,
    )
    expect([revoked.size, revoked.has('new'), revoked.has('n0')]).toEqual([50_000, false, true])
  })

  it('are read in every shape that workers send', () => {
    expect(revokedFromWire({ a: 1.5, b: [1.5, 'b'] })).toEqual(['a', 'b'])
    expect(revokedFromWire(['a', 7])).toEqual(['a'])
    expect(revokedFromWire(null)).toEqual([])
  })
})

describe('ids and versions', () => {
  it('are UUIDs of version 7, which sort by time', () => {
    const ids = Array.from({ length: 100 }, (_, n) => newId(1_700_000_000_000 + n))
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(ids).toEqual(ids.toSorted())
    expect(new Set(ids).size).toBe(100)
  })

  it('are those of the package', () => {
    expect(version).toBe(manifest.version)
  })
})
