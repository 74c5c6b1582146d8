/** Task messages of both protocols: captured ones, bad ones by the row they are, and garbage. */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readFixture } from '../fixtures/captured.ts'
import type { MessageProperties } from '../transport.ts'
import { decodeTask } from './decode-task.ts'
import { encodeTask } from './encode-task.ts'
import { encodeTaskV1 } from './encode-task-v1.ts'
import { writePython } from './python-json.ts'
import { headersOfRetry } from './task-headers.ts'
import type { Embed, TaskDecoding, TaskFault, TaskRequest } from './task-message.ts'

const arrival = (body: unknown, headers: Record<string, unknown> = {}, more: Partial<MessageProperties> = {}) => ({
  properties: { contentType: 'application/json', contentEncoding: 'utf-8', headers, ...more },
  body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(writePython(body)),
})
const minimal = { task: 'demo.add', id: 'id-1' }
const request: TaskRequest = { id: 'id-1', task: 'demo.add', args: [2, 3], kwargs: {}, embed: {}, retries: 0, headers: {} }

function requestOf(decoded: TaskDecoding): TaskRequest {
  if (!decoded.ok) throw new Error(decoded.fault.message)
  return decoded.request
}

function faultOf(decoded: TaskDecoding): TaskFault {
  if (decoded.ok) throw new Error('expected a fault')
  return decoded.fault
}

describe('decodeTask', () => {
  it('takes no header for a prototype', () => {
    const headers = JSON.parse('{"task": "demo.add", "id": "x", "mine": 1, "__proto__": {"admin": true}}')
    const decoded = requestOf(decodeTask(arrival([[], {}, {}], headers)))
    expect(decoded.headers).toEqual({ mine: 1 })
    expect('admin' in decoded.headers).toBe(false)
  })

  it('needs no more than a name and an id', () => {
    const decoded = requestOf(decodeTask(arrival([[1], { y: 2 }, {}], minimal)))
    expect(decoded).toMatchObject({
      id: 'id-1',
      task: 'demo.add',
      args: [1],
      kwargs: { y: 2 },
      embed: {},
      retries: 0,
      headers: {},
    })
    expect(decoded.rootId).toBeUndefined()
    expect(decoded.ignoreResult).toBeUndefined()
  })

  it('reads everything that headers say', () => {
    const headers = {
      ...minimal,
      lang: 'go',
      root_id: 'root',
      parent_id: 'parent',
      group: 'g',
      group_index: 3,
      retries: 2,
      eta: '2030-01-02T03:04:05.678901+00:00',
      expires: '2030-01-03T00:00:00',
      timelimit: [30, 1.5],
      argsrepr: '(1,)',
      kwargsrepr: '{}',
      origin: 'gen1@vm',
      shadow: 'pretty',
      ignore_result: true,
      replaced_task_nesting: 1,
      stamped_headers: ['stamp'],
      stamps: { stamp: 'value' },
      trace: { deep: [1] },
    }
    const properties = { replyTo: 'oid', correlationId: 'c', priority: 6 }
    const decoded = requestOf(decodeTask(arrival([[1], {}, null], headers, properties)))
    expect(decoded).toMatchObject({
      lang: 'go',
      rootId: 'root',
      parentId: 'parent',
      group: 'g',
      groupIndex: 3,
      retries: 2,
      etaMs: Date.UTC(2030, 0, 2, 3, 4, 5) + 678.901,
      expiresMs: Date.UTC(2030, 0, 3),
      hardLimitMs: 30_000,
      softLimitMs: 1500,
      argsRepr: '(1,)',
      kwargsRepr: '{}',
      origin: 'gen1@vm',
      shadow: 'pretty',
      ignoreResult: true,
      replacedTaskNesting: 1,
      stampedHeaders: ['stamp'],
      stamps: { stamp: 'value' },
      headers: { trace: { deep: [1] } },
      ...properties,
    })
    const again = encodeTask(decoded).properties
    expect(again).toMatchObject({ ...properties, headers: { ...headers, expires: '2030-01-03T00:00:00+00:00' } })
  })

  it.each([
    ['not json', {}, 'undecodable', 'ack'],
    ['not json', minimal, 'undecodable', 'ack'],
    ['{"hello": 1}', {}, 'nameless', 'reject'],
    ['[[], {}, {}]', {}, 'nameless', 'reject'],
    ['{"task": 5, "id": "x"}', {}, 'nameless', 'reject'],
    ['[[], {}, {}]', { id: 'x', task: null }, 'nameless', 'reject'],
    ['[[], {}, {}]', { task: 'demo.add' }, 'without-id', 'reject'],
    ['[[], {}, {}]', { task: 'demo.add', id: null }, 'without-id', 'reject'],
    ['{"task": "demo.add", "args": []}', {}, 'without-id', 'reject'],
    ['[[], [], {}]', minimal, 'invalid', 'reject'],
    ['[[], null, {}]', minimal, 'invalid', 'reject'],
    ['["text", {}, {}]', minimal, 'invalid', 'reject'],
    ['[[], {}]', minimal, 'invalid', 'reject'],
    ['{}', minimal, 'invalid', 'reject'],
    ['5', minimal, 'invalid', 'reject'],
    ['[[], {}, {"chain": ["x"]}]', minimal, 'invalid', 'reject'],
    ['[[], {}, {"callbacks": 7}]', minimal, 'invalid', 'reject'],
    ['[[], {}, {"chord": []}]', minimal, 'invalid', 'reject'],
    ['[[], {}, "embed"]', minimal, 'invalid', 'reject'],
    ['[[], {}, {}]', { ...minimal, eta: 'tomorrow' }, 'invalid', 'reject'],
    ['[[], {}, {}]', { ...minimal, eta: '9999-99-99T00:00:00' }, 'invalid', 'reject'],
    ['[[], {}, {}]', { ...minimal, expires: 60 }, 'invalid', 'reject'],
    ['{"task": "demo.add", "id": "x", "kwargs": 5}', {}, 'invalid', 'reject'],
    ['[[{"__type__": "nobody", "__value__": 1}], {}, {}]', minimal, 'undecodable', 'ack'],
  ] as const)('takes %s under %o for %s: %s', (body, headers, kind, verdict) => {
    const fault = faultOf(decodeTask(arrival(body, headers)))
    expect(fault).toMatchObject({ kind, verdict })
    expect(fault.message).toMatch(/^expected .*(, got: |list|object|signature)/)
  })

  it('never looks into pickles, and says what they name', () => {
    const properties = { contentType: 'application/x-python-serialize', contentEncoding: 'binary' }
    expect(faultOf(decodeTask(arrival('cos\nsystem', minimal, properties)))).toMatchObject({
      kind: 'refused-content',
      verdict: 'reject',
      task: 'demo.add',
      id: 'id-1',
    })
  })

  it('takes what Python takes for no time', () => {
    for (const eta of [null, '', undefined]) {
      expect(requestOf(decodeTask(arrival([[], {}, {}], { ...minimal, eta }))).etaMs).toBeUndefined()
    }
  })

  it('reads version 1, whose taskset is the group', () => {
    const body = {
      task: 'demo.add',
      id: 'x',
      args: [1],
      kwargs: {},
      taskset: 'g',
      eta: '2030-01-02T03:04:05',
      utc: true,
      retries: 1,
    }
    expect(requestOf(decodeTask(arrival(body, { mine: 1 })))).toMatchObject({
      id: 'x',
      group: 'g',
      retries: 1,
      etaMs: Date.UTC(2030, 0, 2, 3, 4, 5),
      headers: { mine: 1 },
    })
    expect(requestOf(decodeTask(arrival({ task: 't', id: 'x' })))).toMatchObject({ args: [], kwargs: {}, embed: {} })
  })

  it('reads the body of version 1 under headers of version 2, which come first', () => {
    const body = { task: 'old', id: 'old', args: [1], kwargs: { a: 1 }, retries: 5, callbacks: [{ task: 'next' }] }
    const decoded = requestOf(decodeTask(arrival(body, { ...minimal, mine: 1 })))
    expect(decoded).toMatchObject({ id: 'id-1', task: 'demo.add', retries: 5, embed: { callbacks: [{ task: 'next' }] } })
    expect(decoded.headers).toEqual({ mine: 1 })
  })

  it('takes a single signature for a list, and keeps what it does not know', () => {
    const embed = { callbacks: { task: 'a' }, errbacks: null, extra: { b: 1 } }
    const decoded = requestOf(decodeTask(arrival([[], {}, embed], minimal)))
    expect(decoded.embed).toEqual({ callbacks: [{ task: 'a' }], others: { extra: { b: 1 } } })
  })

  it('hands plain options of signatures to those who read them, and exact arguments to those who pass them on', () => {
    const text =
      '[[1.0, 9007199254740993], {}, {"chain": [{"task": "t", "args": [1.0], "options": {"countdown": 5.0, "link": [{"task": "u", "options": {"expires": 1.0}}]}}]}]'
    const decoded = requestOf(decodeTask(arrival(text, minimal)))
    expect(decoded.args).toEqual([1, 9007199254740993n])
    const [step] = decoded.embed.chain ?? []
    expect(step!.options).toEqual({ countdown: 5, link: [{ task: 'u', options: { expires: 1 } }] })
    const next = encodeTask({ ...request, args: [...(decoded.received?.carriedArgs ?? []), ...(step!.args as unknown[])] })
    expect(Buffer.from(next.body).toString()).toMatch(/^\[\[1\.0,9007199254740993,1\.0\],/)
  })

  it('never throws, whatever comes', () => {
    const header = fc.constantFrom('task', 'id', 'eta', 'expires', 'timelimit', 'stamps', 'group_index', 'compression', 'x')
    const piece = fc.oneof(fc.jsonValue(), fc.constantFrom('demo.add', '2030-01-01', 'gzip', [5, null]))
    const body = fc.oneof(
      fc.uint8Array(),
      fc
        .tuple(piece, piece, fc.dictionary(fc.constantFrom('chain', 'chord', 'callbacks'), piece))
        .map((parts) => Buffer.from(JSON.stringify(parts))),
      fc
        .dictionary(fc.constantFrom('task', 'id', 'args', 'kwargs', 'chord'), piece)
        .map((parts) => Buffer.from(JSON.stringify(parts))),
    )
    fc.assert(
      fc.property(body, fc.dictionary(header, piece), (bytes, headers) => {
        const decoded = decodeTask({ ...arrival('', headers), body: bytes })
        expect(typeof decoded.ok).toBe('boolean')
      }),
    )
  })

  it('survives a body that is nested deeper than the stack', () => {
    const deep = `${'['.repeat(100_000)}1.0${']'.repeat(100_000)}`
    expect(decodeTask(arrival(`[[], {}, {"chord": {"args": ${deep}}}]`, minimal)).ok).toBe(false)
  })
})

describe('encodeTask', () => {
  it('writes what Celery 5.6 writes', () => {
    const { properties, body } = encodeTask({ ...request, origin: 'gen1@vm', replyTo: 'oid', ignoreResult: false })
    expect(Buffer.from(body).toString()).toBe('[[2,3],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]')
    expect(properties).toEqual({
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      correlationId: 'id-1',
      replyTo: 'oid',
      deliveryMode: 2,
      headers: {
        lang: 'py',
        task: 'demo.add',
        id: 'id-1',
        shadow: null,
        eta: null,
        expires: null,
        group: null,
        group_index: null,
        retries: 0,
        timelimit: [null, null],
        root_id: 'id-1',
        parent_id: null,
        argsrepr: '(2, 3)',
        kwargsrepr: '{}',
        origin: 'gen1@vm',
        ignore_result: false,
        replaced_task_nesting: 0,
        stamped_headers: null,
        stamps: {},
      },
    })
  })

  it('sends a payload again as it came, until something of it is another', () => {
    const text = '[[1.0], {"big": 9007199254740993}, {"chord": null}]'
    const decoded = requestOf(decodeTask(arrival(text, minimal)))
    expect(Buffer.from(encodeTask({ ...decoded, retries: 1 }).body).toString()).toBe(text)
    const other = encodeTask({ ...decoded, args: [2] })
    expect(Buffer.from(other.body).toString()).toMatch(/^\[\[2\],\{"big":9007199254740993\},/)
  })

  it('compresses, in every serializer, and stays so when it is sent again', () => {
    for (const serializer of ['json', 'yaml', 'msgpack'] as const) {
      const args = ['x'.repeat(100), 2 ** 40]
      const sent = encodeTask({ ...request, args }, { serializer, compression: 'zstd' })
      expect(sent.properties.headers.compression).toBe('application/zstd')
      const accept = new Set([serializer])
      const decoded = requestOf(decodeTask(sent, { accept }))
      expect(decoded.args).toEqual(args)
      expect(decoded.headers).toEqual({})
      expect(encodeTask(decoded)).toMatchObject({ body: sent.body, properties: { headers: { compression: 'application/zstd' } } })
    }
  })

  it('keeps signatures as they are', () => {
    const signatures = (readFixture('signatures') as readonly { readonly json: Record<string, unknown> }[]).map(
      ({ json }) => json,
    )
    const embed: Embed = {
      callbacks: signatures,
      errbacks: signatures.slice(1),
      chain: signatures.slice(2),
      chord: signatures[0],
    }
    const sent = encodeTask({ ...request, embed })
    expect(requestOf(decodeTask(sent)).embed).toEqual(embed)
    expect(JSON.parse(Buffer.from(sent.body).toString())[2]).toEqual(embed)
  })

  it('refuses what cannot be written', () => {
    const circle: Record<string, unknown> = {}
    circle.self = circle
    expect(() => encodeTask({ ...request, kwargs: circle })).toThrow(expect.objectContaining({ code: 'INPUT_UNSERIALIZABLE' }))
    expect(() => encodeTask(request, { compression: 'bz3' })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('reads what it writes', () => {
    const text = fc.string({ minLength: 1, maxLength: 20 })
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
    const time = maybe(fc.integer({ min: 0, max: 4_000_000_000_000 }))
    const limit = maybe(fc.integer({ min: 1, max: 10 ** 9 }))
    const signature = fc.record({
      task: text,
      args: fc.array(fc.integer(), { maxLength: 2 }),
      options: fc.record({ task_id: text }),
    })
    const requests = fc.record({
      id: text,
      task: text,
      args: fc.array(fc.oneof(fc.integer(), fc.string(), fc.constant(null)), { maxLength: 4 }),
      kwargs: fc.dictionary(text, fc.oneof(fc.integer(), fc.string())),
      embed: fc.record({ callbacks: maybe(fc.array(signature)), chain: maybe(fc.array(signature)), chord: maybe(signature) }),
      rootId: text,
      parentId: maybe(text),
      group: maybe(text),
      groupIndex: maybe(fc.nat()),
      retries: fc.nat(),
      etaMs: time,
      expiresMs: time,
      hardLimitMs: limit,
      softLimitMs: limit,
      ignoreResult: maybe(fc.boolean()),
      headers: fc.dictionary(
        text.map((name) => `x-${name}`),
        fc.integer(),
      ),
      priority: maybe(fc.nat(9)),
      correlationId: text,
    })
    fc.assert(
      fc.property(requests, (original) => {
        const { received, argsRepr, kwargsRepr, ...again } = requestOf(decodeTask(encodeTask(original)))
        expect(again).toEqual({ ...original, lang: 'py', replacedTaskNesting: 0 })
      }),
    )
  })
})

describe('encodeTaskV1', () => {
  it('nests a chain in callbacks, after those that are there', () => {
    const step = (task: string) => ({ task, options: { task_id: task } })
    const own = step('own')
    const second = { task: 'second', options: { task_id: 'second', link: own } }
    const embed = { callbacks: [step('link')], chain: [step('third'), second, step('first')] }
    const body = JSON.parse(Buffer.from(encodeTaskV1({ ...request, embed, etaMs: 0, group: 'g' }).body).toString())
    expect(body).toMatchObject({ eta: '1970-01-01T00:00:00', utc: true, taskset: 'g', group: 'g' })
    expect(body.callbacks).toEqual([
      step('link'),
      {
        task: 'first',
        options: {
          task_id: 'first',
          link: [{ task: 'second', options: { task_id: 'second', link: [own, step('third')] } }],
        },
      },
    ])
  })

  it('is read again', () => {
    const sent = encodeTaskV1({ ...request, headers: { mine: 1 } }, { compression: 'gzip' })
    expect(requestOf(decodeTask(sent))).toMatchObject({ id: 'id-1', task: 'demo.add', args: [2, 3], headers: { mine: 1 } })
  })
})

describe('headersOfRetry', () => {
  it('leaves out what says of dead letters', () => {
    const custom = { trace: 1, 'x-death': [], 'x-first-death-queue': 'q', 'x-last-death-reason': 'r', 'x-mine': 2 }
    expect(headersOfRetry(custom)).toEqual({ trace: 1, 'x-mine': 2 })
    const none = { trace: 1 }
    expect(headersOfRetry(none)).toBe(none)
  })
})
