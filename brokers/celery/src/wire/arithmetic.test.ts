/** Small arithmetic of Celery, against what its own functions answered. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readFixture } from '../fixtures/captured.ts'
import { autoretryDelay } from './autoretry-delay.ts'
import { delayBindingKey, delayedRoutingKey, highestDelayLevel, longestDelay, routingKeyBeforeDelay } from './delayed-delivery.ts'
import { parsePython, revivePython, writePython } from './python-json.ts'
import { readRate } from './rate-text.ts'
import { readRevoked, revokedObject } from './revoked-map.ts'

interface Arithmetic {
  readonly routing_keys: readonly { countdown: number; routing_key: string; result: string }[]
  readonly backoff: readonly { factor: number; retries: number; maximum: number; no_jitter: number }[]
  readonly rates_per_second: readonly { rate: unknown; value: number }[]
}
const captured = revivePython(readFixture('arithmetic')[0]) as Arithmetic

describe('delayed delivery', () => {
  it.each(captured.routing_keys.map(({ countdown, routing_key, result }) => [countdown, routing_key, result] as const))(
    'publishes a delay of %d s under a key of its digits',
    (countdown, key, result) => {
      expect(delayedRoutingKey(countdown, key)).toBe(result)
      expect(routingKeyBeforeDelay(result)).toBe(key)
    },
  )

  it.each([0, -1, 1.5, longestDelay + 1, Number.NaN])('has no key for %d s', (seconds) => {
    expect(delayedRoutingKey(seconds, 'q')).toBeUndefined()
  })

  it('leaves other keys alone', () => {
    expect(routingKeyBeforeDelay('0.1.q')).toBe('0.1.q')
    expect(routingKeyBeforeDelay('celery')).toBe('celery')
  })

  it('is bound digit by digit', () => {
    expect(delayBindingKey(highestDelayLevel, 1)).toBe('1.#')
    expect(delayBindingKey(25, 0)).toBe('*.*.0.#')
  })

  it('gives every key back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: longestDelay }), fc.string(), (seconds, key) => {
        expect(routingKeyBeforeDelay(delayedRoutingKey(seconds, key)!)).toBe(key)
      }),
    )
  })
})

describe('autoretryDelay', () => {
  it.each(captured.backoff.map((sample) => [sample.factor, sample.retries, sample.maximum, sample.no_jitter] as const))(
    'of factor %d at retry %d, at most %d s, is %d s',
    (factor, retries, maximum, expected) => {
      expect(autoretryDelay({ factor, maximum, jitter: false }, retries, () => 0)).toBe(expected)
    },
  )

  it('is any whole number up to that with jitter', () => {
    expect(autoretryDelay({}, 3, () => 0)).toBe(0)
    expect(autoretryDelay({}, 3, () => 0.999)).toBe(8)
    expect(autoretryDelay({}, 100_000, () => 0.999_999)).toBe(600)
  })
})

describe('readRate', () => {
  it.each(captured.rates_per_second.map(({ rate, value }) => [rate, value] as const))('of %o is %d per second', (rate, value) => {
    expect(readRate(rate)).toBe(value)
  })

  it.each(['fast', '10/d', '10/s/s', '/s', -1, Number.NaN, {}, true])('refuses %o', (rate) => {
    expect(readRate(rate)).toBeUndefined()
  })
})

describe('revoked ids', () => {
  it('travel with floats, for Python refuses whole numbers', () => {
    const revoked = new Map<string, number | undefined>([
      ['a', 123],
      ['b', 2401.460205772],
      ['c', undefined],
    ])
    const text = writePython(revokedObject(revoked))
    expect(text).toBe('{"a":[123.0,"a"],"b":[2401.460205772,"b"],"c":[0.0,"c"]}')
    expect(readRevoked(parsePython(text).revived)).toEqual(new Map([...revoked, ['c', 0]]))
  })

  it('are read in every form', () => {
    expect(readRevoked(['a', 5, 'b'])).toEqual(
      new Map([
        ['a', undefined],
        ['b', undefined],
      ]),
    )
    expect(readRevoked({ a: 1.5, b: [2.5, 'b'], c: 'x' })).toEqual(
      new Map([
        ['a', 1.5],
        ['b', 2.5],
        ['c', undefined],
      ]),
    )
    expect(readRevoked(null)).toEqual(new Map())
  })
})
