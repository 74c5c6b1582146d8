/** kombu's envelopes: what is written is read again, and nothing that comes can break the reader. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Arrival, Publication } from '../transport.ts'
import { foreignArrival, readEnvelope, readUnacked, redeliveredEnvelope, unackedText, writeEnvelope } from './envelope.ts'

const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined })
const header = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.constant(null), fc.boolean(), fc.array(fc.integer()))
const name = fc.string({ unit: 'binary' }).filter((text) => text !== '__proto__')

const publication: fc.Arbitrary<Publication> = fc.record({
  exchange: name,
  routingKey: name,
  body: fc.uint8Array(),
  properties: fc.record({
    contentType: name,
    contentEncoding: name,
    headers: fc.dictionary(name, header, { noNullPrototype: true }),
    correlationId: optional(name),
    replyTo: optional(name),
    deliveryMode: fc.constantFrom(1 as const, 2 as const),
    priority: fc.integer({ min: 0, max: 9 }),
    expirationMs: optional(fc.nat()),
  }),
})

function readMessage(text: string): Arrival {
  const arrival = readEnvelope(text)
  expect(arrival).toBeDefined()
  return arrival as Arrival
}

test('what is written is read again, in ASCII', () => {
  fc.assert(
    fc.property(publication, fc.uuid(), (given, tag) => {
      const text = writeEnvelope(given, tag)
      expect(text).toMatch(/^[ -~]*$/)
      const read = readMessage(text)
      expect({ ...read, body: [...read.body] }).toEqual({ ...given, redelivered: false, body: [...given.body] })
    }),
  )
})

test('the mark of a redelivery changes nothing else, in the message or in its entry', () => {
  fc.assert(
    fc.property(publication, fc.uuid(), (given, tag) => {
      const text = writeEnvelope(given, tag)
      const { properties, ...others } = readMessage(redeliveredEnvelope(text))
      const before = readMessage(text)
      expect({ ...others, properties: { ...properties, headers: undefined } }).toEqual({
        ...before,
        redelivered: true,
        properties: { ...before.properties, headers: undefined },
      })
      expect(properties.headers).toEqual({ ...before.properties.headers, redelivered: true })
      expect(readUnacked(unackedText(text, given.exchange, given.routingKey))).toEqual({
        envelope: text,
        redelivered: redeliveredEnvelope(text),
        exchange: given.exchange,
        routingKey: given.routingKey,
        priority: given.properties.priority,
      })
    }),
  )
})

test('a mark in the headers alone is what a retry carried over: the message itself is new', () => {
  const properties = { contentType: 'a', contentEncoding: 'b', headers: { redelivered: true } }
  const text = writeEnvelope({ exchange: '', routingKey: 'q', body: Buffer.from('x'), properties }, 'tag')
  expect(readMessage(text).redelivered).toBe(false)
})

test('a body that is no base64 is text, or whatever JSON it is', () => {
  const message = (body: unknown) => JSON.stringify({ body, properties: { delivery_info: { exchange: '', routing_key: 'q' } } })
  expect(Buffer.from(readMessage(message('grün')).body).toString()).toBe('grün')
  expect(Buffer.from(readMessage(message([1])).body).toString()).toBe('[1]')
})

test('nothing breaks the reader', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect((readEnvelope(text) ?? foreignArrival(text)).body).toBeInstanceOf(Uint8Array)
      expect(() => readUnacked(text)).not.toThrow()
      expect(typeof redeliveredEnvelope(text)).toBe('string')
    }),
  )
})
