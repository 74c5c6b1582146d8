/** Nonces: nothing is let in twice, however little room there is. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Nonces } from './nonces.ts'

const window = 20
const request = fc.record({
  owner: fc.constantFrom('a', 'b'),
  nonce: fc.constantFrom('1', '2', '3', '4'),
  age: fc.integer({ min: -window, max: window }),
  pause: fc.nat({ max: 5 }),
})

test('a request is let in once, with any room and in any order', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (requests, room) => {
      const nonces = new Nonces(room)
      const letIn = new Set<string>()
      let now = 1000
      for (const { owner, nonce, age, pause } of requests) {
        now += pause
        if (!nonces.take(owner, nonce, now - age, now - window, now)) continue
        const key = `${owner} ${nonce} ${now - age}`
        expect(letIn.has(key)).toBe(false)
        letIn.add(key)
      }
    }),
  )
})

test('with room enough every new request is let in', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 200 }), (requests) => {
      const nonces = new Nonces()
      const seen = new Set<string>()
      let now = 1000
      for (const { owner, nonce, age, pause } of requests) {
        now += pause
        const key = `${owner} ${nonce} ${now - age}`
        expect(nonces.take(owner, nonce, now - age, now - window, now)).toBe(!seen.has(key))
        seen.add(key)
      }
    }),
  )
})

test('a clock that is set back lets nothing in again', () => {
  const nonces = new Nonces()
  expect([
    nonces.take('a', 'n', 100, 90, 100),
    nonces.take('a', 'm', 200, 190, 200),
    nonces.take('a', 'n', 100, 90, 100),
  ]).toEqual([true, true, false])
})

test('without room older requests are refused, newer ones taken', () => {
  const nonces = new Nonces(2)
  expect([1, 2, 3].map((second) => nonces.take('a', 'n', second, 0, 3))).toEqual([true, true, true])
  expect(nonces.take('a', 'other', 1, 0, 3)).toBe(false)
  expect(nonces.take('a', 'other', 2, 0, 3)).toBe(true)
})

test('requests from ahead of time leave room for those of now', () => {
  const nonces = new Nonces(10)
  const take = (nonce: number, second: number) => nonces.take('a', String(nonce), second, 100, 1000)
  const ahead = Array.from({ length: 20 }, (_, i) => take(i, 1900))
  expect(ahead.filter((isTaken) => isTaken)).toHaveLength(5)
  expect([take(1, 1000), take(2, 1000), take(3, 1001), take(1, 1000)]).toEqual([true, true, true, false])
})
