/** Events, alone and in batches: captured ones, every field, and what is malformed. */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEvents, type EventMessage, encodeEvent, encodeEventBatch, utcOffsetHours } from './event-message.ts'

const heartbeat: EventMessage = {
  type: 'worker-heartbeat',
  hostname: 'w1@host',
  timestampMs: 1_795_207_725_997.406,
  utcOffset: -2,
  pid: 5,
  clock: 7,
  fields: { freq: 2, active: 0, processed: 0, loadavg: [0.5, 1, 1], sw_ident: 'lovage', sw_ver: '1', sw_sys: 'Linux' },
}
const arrival = (body: string, headers: Record<string, unknown> = {}, contentType = 'application/json') => ({
  properties: { contentType, contentEncoding: 'utf-8', headers },
  body: Buffer.from(body),
})

describe('events', () => {
  it('go to the exchange under their type', () => {
    const { exchange, routingKey, properties, body } = encodeEvent(heartbeat)
    expect({ exchange, routingKey }).toEqual({ exchange: 'celeryev', routingKey: 'worker.heartbeat' })
    expect(properties).toMatchObject({ headers: { hostname: 'w1@host' }, deliveryMode: 1, contentType: 'application/json' })
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({
      hostname: 'w1@host',
      utcoffset: -2,
      pid: 5,
      clock: 7,
      ...heartbeat.fields,
      timestamp: 1_795_207_725.997406,
      type: 'worker-heartbeat',
    })
  })

  it('of a group go together, also when there are none', () => {
    const batch = encodeEventBatch([heartbeat, heartbeat], 'w1@host', 'worker')
    expect(batch.routingKey).toBe('worker.multi')
    expect(decodeEvents(batch)).toEqual([heartbeat, heartbeat])
    expect(decodeEvents(encodeEventBatch([], 'w1@host'))).toEqual([])
  })

  it('leave out what a sender does not know', () => {
    const bare: EventMessage = { type: 'my-event', hostname: 'x', fields: {} }
    expect(Buffer.from(encodeEvent(bare, 'other').body).toString()).toBe('{"hostname":"x","type":"my-event"}')
  })

  it('of others may be malformed', () => {
    expect(decodeEvents(arrival('[1, null, {}, {"type": 5}, {"type": "task-sent"}, []]'))).toEqual([])
    expect(decodeEvents(arrival('nonsense'))).toEqual([])
    expect(decodeEvents(arrival('{"type": "a-b"}', {}, 'application/x-python-serialize'))).toEqual([])
    expect(decodeEvents(arrival('{"type": "a-b", "clock": null, "timestamp": "x", "freq": 2.0}', { hostname: 'w' }))).toEqual([
      { type: 'a-b', hostname: 'w', fields: { freq: 2 } },
    ])
  })

  it('never throw', () => {
    const name = fc.constantFrom('type', 'hostname', 'timestamp', 'clock', 'uuid')
    const event = fc.dictionary(name, fc.oneof(fc.string(), fc.jsonValue()))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          event.map((value) => JSON.stringify(value)),
          fc.array(event).map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expect(() => decodeEvents(arrival(text))).not.toThrow()
        },
      ),
    )
  })
})

describe('utcOffsetHours', () => {
  it.each([
    [0, 0],
    [-120, -2],
    [300, 5],
    [-330, -6],
    [210, 3],
  ])('of %d minutes west is %d', (minutes, hours) => {
    expect(utcOffsetHours(minutes)).toBe(hours)
  })
})
