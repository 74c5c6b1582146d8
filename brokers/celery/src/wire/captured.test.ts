/** Every shape of message that real Celery programs were seen to send, read and written again. */
import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { arrivalOf, type Captured, captured, readFixture } from '../fixtures/captured.ts'
import { decodeContent } from './content.ts'
import { decodeControlReply, decodeControlRequest, encodeControlReply, encodeControlRequest } from './control-message.ts'
import { decodeTask } from './decode-task.ts'
import { encodeTask } from './encode-task.ts'
import { encodeTaskV1 } from './encode-task-v1.ts'
import { decodeEvents, encodeEvent, encodeEventBatch } from './event-message.ts'
import { exceptionRepr, readException } from './python-exception.ts'
import { parsePython, writePython } from './python-json.ts'
import { pythonRepr, tupleRepr } from './python-repr.ts'
import { decodeResultRecord, readResultRecord, rpcObject, writeResultRecord } from './result-json.ts'
import type { TaskRequest } from './task-message.ts'

/** Tuples and objects of Python inside of arguments; beat's lists. */
const excused = /[([ ]\(|^\[|\w\(/
const acceptAll = new Set(['json', 'yaml', 'msgpack'] as const)
const tasks = captured('tasks')
const isBad = ({ from, properties, body }: Captured) =>
  properties.contentType === 'application/x-python-serialize' ||
  (from.startsWith('reject') && (properties.headers.task === undefined || properties.headers.id === undefined)) ||
  (body === undefined && properties.contentType === 'text/plain')

function requestOf(message: Captured): TaskRequest {
  const decoded = decodeTask(arrivalOf(message), { accept: acceptAll })
  if (!decoded.ok) throw new Error(`${message.from}: ${decoded.fault.kind} ${decoded.fault.message}`)
  return decoded.request
}

/** What the form of 5.6 adds to or writes otherwise in messages of others. */
function asOf56(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const time = (value: unknown) => (typeof value === 'string' && !/[+-]\d\d:\d\d$/.test(value) ? `${value}+00:00` : value)
  return {
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
    ...headers,
    eta: time(headers.eta),
    expires: time(headers.expires),
  }
}

describe('captured task messages', () => {
  const good = tasks.filter((message) => !isBad(message))
  const second = good.filter(({ properties }) => properties.headers.task !== undefined)
  const minimal = (message: Captured) => message.properties.headers.argsrepr === undefined

  it('has them all', () => {
    expect(second.length).toBeGreaterThan(50)
    expect(good.length - second.length).toBeGreaterThan(1)
  })

  it.each(second.filter((message) => !minimal(message)).map((message) => [message.from, message] as const))(
    'writes headers, properties and payload of %s again',
    (_from, message) => {
      const arrival = arrivalOf(message)
      const again = encodeTask(requestOf(message), {
        deliveryMode: message.properties.deliveryMode,
        expirationMs: message.properties.expirationMs,
      })
      expect(again.properties).toEqual({
        ...message.properties,
        headers: asOf56(message.properties.headers),
        correlationId: message.properties.correlationId ?? message.properties.headers.id,
      })
      expect(again.body).toEqual(arrival.body)
    },
  )

  it.each(second.filter(({ body }) => body !== undefined).map((message) => [message.from, message] as const))(
    'writes the body of %s again from its parts, byte for byte',
    (_from, message) => {
      const { received, ...request } = requestOf(message)
      const again = encodeTask({
        ...request,
        args: received?.carriedArgs ?? request.args,
        kwargs: received?.carriedKwargs ?? request.kwargs,
      })
      const [args, kwargs, embed] = message.body as [unknown, unknown, Record<string, unknown>]
      const { callbacks = null, errbacks = null, chain = null, chord = null } = embed
      expect(Buffer.from(again.body).toString()).toBe(writePython([args, kwargs, { callbacks, errbacks, chain, chord }]))
    },
  )

  it('makes the same repr texts as Python, where JSON has not made lists of tuples', () => {
    const differing = second.filter((message) => {
      if (message.body === undefined || minimal(message)) return false
      const { argsRepr, kwargsRepr, received, args, kwargs } = requestOf(message)
      const isSame = (ofArgs: readonly unknown[] = args, ofKwargs: unknown = kwargs) =>
        tupleRepr(ofArgs) === argsRepr && pythonRepr(ofKwargs) === kwargsRepr
      return !isSame() && !isSame(received?.carriedArgs, received?.carriedKwargs)
    })
    expect(differing.length).toBeLessThan(second.length / 4)
    for (const { properties } of differing) {
      expect(`${properties.headers.argsrepr} ${properties.headers.kwargsrepr}`).toMatch(excused)
    }
  })

  it.each(good.filter((message) => !second.includes(message)).map((message) => [message.from, message] as const))(
    'writes %s of version 1 again, byte for byte',
    (_from, message) => {
      const request = requestOf(message)
      const again = encodeTaskV1(request)
      expect(Buffer.from(again.body).toString()).toBe(writePython(message.body))
      expect(again.properties.headers).toEqual(message.properties.headers)
    },
  )

  it('says of the others what they are', () => {
    const kinds = tasks.filter(isBad).map((message) => {
      const decoded = decodeTask(arrivalOf(message))
      return decoded.ok ? 'ok' : `${decoded.fault.kind}: ${decoded.fault.verdict}`
    })
    expect([...new Set(kinds)].sort()).toEqual([
      'nameless: reject',
      'refused-content: reject',
      'undecodable: ack',
      'without-id: reject',
    ])
  })
})

describe('captured results', () => {
  it.each(captured('results').map((message) => [message.from, message] as const))('writes %s of rpc again', (_from, message) => {
    const arrival = arrivalOf(message)
    const { contentType, contentEncoding } = arrival.properties
    const decoded = decodeContent({ contentType, contentEncoding, body: arrival.body })
    if (!decoded.ok) throw new Error(decoded.message)
    const record = readResultRecord(decoded.value)!
    const isFull = 'date_done' in (message.body as object)
    expect(writePython(rpcObject(record, isFull))).toBe(writePython(message.body))
  })

  const stored = readFixture('stored-results') as readonly { readonly from: string; readonly value: Record<string, unknown> }[]
  it.each(stored.map((result) => [result.from, result.value] as const))('writes %s of Redis again', (_from, value) => {
    const text = writePython(value)
    const again = writeResultRecord(decodeResultRecord(text))
    const done = value.date_done
    const expected = typeof done === 'string' && !done.includes('+') ? { ...value, date_done: `${done}+00:00` } : value
    expect(again).toBe(writePython(expected))
  })

  it('reads every exception', () => {
    const exceptions = stored.map(({ value }) => readException(value.result)).filter((exception) => exception !== undefined)
    expect(exceptions.map(exceptionRepr)).toContain("ValueError('boom', 42)")
    expect(exceptions.map(exceptionRepr)).toContain("KeyError('again')")
  })
})

/** Python writes a tenth of a microsecond, and tells whole floats such as the heartbeat's 2.0 from 2; readers do not mind. */
function expectedEvents(body: Uint8Array): unknown {
  const { revived } = parsePython(Buffer.from(body).toString())
  return JSON.parse(JSON.stringify(revived), (name, value) => (name === 'timestamp' ? expect.closeTo(value, 5) : value))
}

describe('captured events', () => {
  it.each(captured('events').map((message) => [message.from, message] as const))('writes %s again', (_from, message) => {
    const arrival = arrivalOf(message)
    const events = decodeEvents(arrival)
    const isBatch = Array.isArray(message.body)
    const again = isBatch ? encodeEventBatch(events, String(message.properties.headers.hostname)) : encodeEvent(events[0]!)
    expect(JSON.parse(Buffer.from(again.body).toString())).toEqual(expectedEvents(arrival.body))
    expect(again.properties.headers).toEqual(message.properties.headers)
    expect(again.properties.deliveryMode).toBe(1)
  })
})

describe('captured remote control', () => {
  it.each(captured('control').map((message) => [message.from, message] as const))(
    'writes the request of %s again',
    (_from, message) => {
      const arrival = arrivalOf(message)
      const decoded = decodeControlRequest(arrival)
      if (!decoded.ok) throw new Error(decoded.message)
      const again = encodeControlRequest(decoded.request)
      expect(parsePython(Buffer.from(again.body).toString()).revived).toEqual({
        ...(parsePython(arrival.body.toString()).revived as object),
        arguments: decoded.request.arguments,
      })
      const { expires, clock } = message.properties.headers
      expect(again.properties.headers).toEqual({ clock, expires: expect.closeTo(Number(expires), 5) })
      expect(again.properties.deliveryMode).toBe(message.properties.deliveryMode)
    },
  )

  it.each(captured('replies').map((message) => [message.from, message] as const))(
    'writes the reply of %s again',
    (_from, message) => {
      const arrival = arrivalOf(message)
      const [answer] = decodeControlReply(arrival)
      const again = encodeControlReply(answer!, { exchange: 'reply.celery.pidbox', routingKey: 'x' })
      expect(parsePython(Buffer.from(again.body).toString()).revived).toEqual(parsePython(arrival.body.toString()).revived)
      expect(again.properties.headers).toEqual(message.properties.headers)
    },
  )
})
