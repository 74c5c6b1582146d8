/** Commands and their replies: captured ones, matchers, and what is malformed. */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ControlRequest,
  decodeControlReply,
  decodeControlRequest,
  encodeControlReply,
  encodeControlRequest,
  errorOfAnswer,
  isAddressed,
} from './control-message.ts'
import { nodeMatcher } from './node-matcher.ts'

const arrival = (body: unknown, headers: Record<string, unknown> = {}) => ({
  properties: { contentType: 'application/json', contentEncoding: 'utf-8', headers },
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
})
const ping: ControlRequest = { method: 'ping', arguments: {}, clock: 1 }

describe('requests', () => {
  it('are broadcast to a namespace, and ask for an answer only where one is wanted', () => {
    const sent = encodeControlRequest(ping, 'other')
    expect(sent).toMatchObject({
      exchange: 'other.pidbox',
      routingKey: '',
      properties: { deliveryMode: 2, headers: { clock: 1, expires: 0 } },
    })
    expect(Buffer.from(sent.body).toString()).toBe(
      '{"method":"ping","arguments":{},"destination":null,"pattern":null,"matcher":null}',
    )
  })

  it('are read as they were written', () => {
    const full: ControlRequest = {
      method: 'rate_limit',
      arguments: { task_name: 'demo.add', rate_limit: '10/m' },
      destination: ['w1@host'],
      pattern: 'w*',
      matcher: 'glob',
      ticket: 'ticket',
      replyTo: { exchange: 'reply.celery.pidbox', routingKey: 'oid' },
      clock: 7,
      expiresMs: 1_795_207_550_790.604,
    }
    expect(decodeControlRequest(encodeControlRequest(full))).toEqual({ ok: true, request: full })
  })

  it.each([
    'nonsense',
    [],
    {},
    { method: 5 },
    { method: '' },
    { method: 'ping', arguments: [] },
    { method: 'ping', destination: 5 },
    { method: 'ping', destination: [5] },
    { method: 'ping', pattern: 'x', matcher: 'sql' },
    { method: 'ping', pattern: '(', matcher: 'pcre' },
  ])('are malformed as %j', (body) => {
    const decoded = decodeControlRequest(arrival(body))
    expect(decoded).toMatchObject({ ok: false, message: expect.stringMatching(/^expected/) })
  })

  it('may leave out nearly everything', () => {
    const decoded = decodeControlRequest(arrival({ method: 'ping', arguments: null, more: 1 }))
    expect(decoded).toMatchObject({ ok: true, request: { method: 'ping', arguments: {}, clock: 0 } })
  })

  it.each([
    [{}, true],
    [{ destination: [] }, true],
    [{ destination: ['w1@host'] }, true],
    [{ destination: ['w2@host'] }, false],
    [{ destination: 'w1@host,w2@host' }, true],
    [{ destination: 'w2@host' }, false],
    [{ pattern: 'x' }, true],
    [{ pattern: 'w*', matcher: 'glob' }, true],
    [{ pattern: 'x*', matcher: 'glob' }, false],
    [{ pattern: '^w\\d@', matcher: 'pcre' }, true],
    [{ destination: ['w2@host'], pattern: 'w*', matcher: 'glob' }, false],
  ] as const)('with %o mean w1@host: %s', (target, isMeant) => {
    expect(isAddressed({ ...ping, ...target }, 'w1@host')).toBe(isMeant)
  })

  it('never throw', () => {
    const name = fc.constantFrom('method', 'arguments', 'destination', 'pattern', 'matcher', 'reply_to')
    fc.assert(
      fc.property(fc.dictionary(name, fc.oneof(fc.jsonValue(), fc.constantFrom('glob', 'pcre', '[', 'ping'))), (body) => {
        const decoded = decodeControlRequest(arrival(body))
        if (decoded.ok) expect(typeof isAddressed(decoded.request, 'w1@host')).toBe('boolean')
      }),
    )
  })
})

describe('replies', () => {
  it('carry the name of the node', () => {
    const to = { exchange: 'reply.celery.pidbox', routingKey: 'oid' }
    const sent = encodeControlReply({ node: 'w1@host', value: { ok: 'pong' }, ticket: 't', clock: 3 }, to)
    expect(sent).toMatchObject({ ...to, properties: { deliveryMode: 1, headers: { ticket: 't', clock: 3 } } })
    expect(decodeControlReply(sent)).toEqual([{ node: 'w1@host', value: { ok: 'pong' }, ticket: 't', clock: 3 }])
    expect(
      decodeControlReply(encodeControlReply({ node: 'w', value: undefined, ticket: undefined, clock: 0 }, to)),
    ).toMatchObject([{ value: null, ticket: undefined }])
  })

  it('tell what went wrong', () => {
    const [answer] = decodeControlReply(arrival({ w: { error: "KeyError('nothing')" } }))
    expect(errorOfAnswer(answer!)).toBe("KeyError('nothing')")
    expect(errorOfAnswer({ ...answer!, value: { ok: 'pong' } })).toBeUndefined()
    expect(decodeControlReply(arrival('nonsense'))).toEqual([])
    expect(decodeControlReply(arrival([]))).toEqual([])
  })
})

describe('nodeMatcher', () => {
  it.each([
    ['*', 'anything\n', true],
    ['w?@*', 'w1@host', true],
    ['w?@*', 'w10@host', false],
    ['w[0-3]@h', 'w2@h', true],
    ['w[!0-3]@h', 'w2@h', false],
    ['w[!0-3]@h', 'w5@h', true],
    ['w[]]', 'w]', true],
    ['w[^]', 'w^', true],
    ['w[', 'w[', true],
    ['w.1', 'wx1', false],
    ['[b-a]', 'a', false],
    ['(a|b)+', '(a|b)+', true],
  ])('takes %s as fnmatch does for %s: %s', (pattern, node, expected) => {
    expect(nodeMatcher(pattern, 'glob')?.(node)).toBe(expected)
  })

  it.each([
    ['w\\d', 'w1@host', true],
    ['\\d', 'w1@host', false],
    ['a|w', 'w1', true],
    ['(?i)W1', 'w1', true],
    ['(?P<n>w)1(?P=n)', 'w1w', true],
    ['w1\\Z', 'w12', false],
  ])('takes %s as re.match does for %s: %s', (pattern, node, expected) => {
    expect(nodeMatcher(pattern, 'pcre')?.(node)).toBe(expected)
  })
})
