/** What leaves the hands of an inflow when Redis does not answer. */
import { expect, test } from 'vitest'
import { Departures } from './departures.ts'
import type { InflowPlace } from './hands.ts'
import type { HeldMessage } from './held-message.ts'
import { LineLost, type RedisLine } from './redis-line.ts'
import { UnsettledMessages } from './unsettled.ts'

test('what could not be given back is in nobody’s hands: it comes back as that of a dead worker', async () => {
  const hands = new UnsettledMessages<HeldMessage>()
  const place = { settings: { unacked: 'unacked', unackedIndex: 'unacked_index' } } as unknown as InflowPlace
  const line = { run: () => Promise.reject(new LineLost()) } as unknown as RedisLine
  const held = { name: 'a', list: 'celery', envelope: '{}', seenAt: 0 } as HeldMessage
  hands.enter(held)
  const given = new Departures(place, hands, () => {}).giveBack(line, [held], (envelope) => envelope)
  expect(hands.has('a')).toBe(true)
  await expect(given).rejects.toThrow(LineLost)
  expect(hands.has('a')).toBe(false)
})
