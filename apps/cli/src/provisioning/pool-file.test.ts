/** Pool files and ranges: what is read, and that anything else is refused in one line. */
import { LovageError } from '@lovage/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parsePools } from './pool-file.ts'
import { poolChoice, workerRange } from './pool-flags.ts'

test('a pool file with everything', () => {
  const written = {
    images: {
      ...{ files: ['a.ts', 'b.ts'], queues: ['images'], min: 1, max: 8, concurrency: 2, pool: 'threads', prefetch: 4 },
      ...{ scalingRatio: 0.5, idleTimeout: '90s', maxLifetime: '1 day', drainTimeout: '10m', registrationTimeout: '5s' },
    },
    mail: { files: ['mail.ts'] },
  }
  const [images, mail] = parsePools(JSON.stringify(written), 'pools.json')
  expect(images).toEqual({
    ...{ name: 'images', files: ['a.ts', 'b.ts'], queues: ['images'], min: 1, max: 8, concurrency: 2, pool: 'threads' },
    ...{ prefetch: 4, scalingRatio: 0.5, idleMs: 90_000, lifetimeMs: 86_400_000, drainMs: 600_000, startMs: 5000 },
  })
  expect(Object.entries(mail ?? {}).filter(([, value]) => value !== undefined)).toEqual([
    ['name', 'mail'],
    ['files', ['mail.ts']],
  ])
})

const fields = ['files', 'queues', 'min', 'max', 'concurrency', 'pool', 'prefetch', 'scalingRatio', 'idleTimeout', 'other']

test('whatever JSON stands in a file, it is read or refused in one line', () => {
  const pool = fc.dictionary(fc.constantFrom(...fields), fc.jsonValue({ maxDepth: 1 }))
  const file = fc.oneof(fc.dictionary(fc.string(), fc.oneof(pool, fc.jsonValue())), fc.jsonValue())
  fc.assert(
    fc.property(file, (value) => {
      try {
        for (const wish of parsePools(JSON.stringify(value), 'pools.json')) expect(wish.files.length).toBeGreaterThan(0)
      } catch (error) {
        expect(LovageError.is(error)).toBe(true)
        expect((error as LovageError).rawMessage).toMatch(/^expected .*pools\.json/)
      }
    }),
  )
})

test('a range is read as it is written, and nothing else is', () => {
  const read = workerRange('--workers')
  fc.assert(
    fc.property(fc.nat(999), fc.nat(999), (min, more) => {
      fc.pre(min + more > 0)
      expect(read(`${min}..${min + more}`)).toEqual({ min, max: min + more })
      if (min > 0) expect(read(String(min))).toEqual({ min, max: min })
      if (more > 0) expect(() => read(`${min + more}..${min}`)).toThrow(/^\[option invalid\] expected --workers to be a range/)
    }),
  )
  for (const text of ['', '0', '0..0', '..4', '4..', '-1..4', '1.5', '1...4', '1..4..5', 'auto', ' 1..2']) {
    expect(() => read(text), text).toThrow('got: ')
  }
})

test('--pool takes a place and files together', () => {
  expect(poolChoice('b.json', poolChoice('threads', poolChoice('a.ts')))).toEqual({ kind: 'threads', files: ['a.ts', 'b.json'] })
})
