/** Retry policies: defaults, refusals, and the bounds of every delay. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type RetryOptions, retryDelayMs, retryPolicy } from './retry.ts'

const policies = fc
  .record({
    backoff: fc.constantFrom('fixed' as const, 'linear' as const, 'exponential' as const),
    delay: fc.nat(100_000),
    more: fc.nat(10_000_000),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ more, ...options }) => retryPolicy({ ...options, maxDelay: options.delay + more }))
const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('retryPolicy', () => {
  test('has defaults', () => {
    expect(retryPolicy()).toEqual({ limit: 3, backoff: 'exponential', delayMs: 1000, maxDelayMs: 3_600_000, jitter: 0.2 })
  })

  test('lets a long first delay be the longest', () => {
    expect(retryPolicy({ delay: '2h' })).toMatchObject({ delayMs: 7_200_000, maxDelayMs: 7_200_000 })
  })

  test.each<[unknown, string]>([
    [{ limit: -1 }, 'expected `retry.limit` to be a whole number from 0, got: -1'],
    [{ limit: 1.5 }, 'expected `retry.limit` to be a whole number from 0, got: 1.5'],
    [{ limit: '3' }, 'expected `retry.limit` to be a whole number from 0, got: "3"'],
    [{ limit: Symbol('x') }, 'expected `retry.limit` to be a whole number from 0, got: Symbol(x)'],
    [{ backoff: 'cubic' }, 'expected `retry.backoff` to be fixed, linear or exponential, got: "cubic"'],
    [{ jitter: 1.1 }, 'expected `retry.jitter` to be a number from 0 to 1, got: 1.1'],
    [{ jitter: '0.5' }, 'expected `retry.jitter` to be a number from 0 to 1, got: "0.5"'],
    [{ delay: '5s', maxDelay: '1s' }, 'expected `retry.maxDelay` to be at least `retry.delay` (5000 ms), got: "1s"'],
    [5, 'expected `retry` to be an object such as { limit: 5 }, got: 5'],
    [null, 'expected `retry` to be an object such as { limit: 5 }, got: null'],
  ])('refuses %o', (options, message) => {
    expect(() => retryPolicy(options as RetryOptions)).toThrow(`[option invalid] ${message}`)
  })

  test('refuses a delay that is none', () => {
    expect(() => retryPolicy({ delay: 'soon' })).toThrow('[duration invalid] expected `retry.delay`')
  })
})

describe('retryDelayMs', () => {
  test.each([
    ['fixed', [100, 100, 100, 100]],
    ['linear', [100, 200, 300, 350]],
    ['exponential', [100, 200, 350, 350]],
  ] as const)('%s', (backoff, delays) => {
    const policy = retryPolicy({ backoff, delay: 100, maxDelay: 350, jitter: 0 })
    expect([1, 2, 3, 4].map((retry) => retryDelayMs(policy, retry, () => 0.9))).toEqual(delays)
  })

  test('stays within the longest delay and the share of chance', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 5000 }), chances, (policy, retry, chance) => {
        const delay = retryDelayMs(policy, retry, () => chance)
        const whole = retryDelayMs({ ...policy, jitter: 0 }, retry, () => chance)
        expect(whole).toBeLessThanOrEqual(policy.maxDelayMs)
        expect(delay).toBeLessThanOrEqual(whole)
        expect(delay).toBeGreaterThanOrEqual(Math.floor(whole * (1 - policy.jitter)))
      }),
    )
  })

  test('never shrinks from one retry to the next, chance aside', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 5000 }), (policy, retry) => {
        const steady = { ...policy, jitter: 0 }
        expect(retryDelayMs(steady, retry + 1, Math.random)).toBeGreaterThanOrEqual(retryDelayMs(steady, retry, Math.random))
      }),
    )
  })
})
