import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CancelFrame,
  decodeCancel,
  decodeHeartbeat,
  decodeHeartbeatAnswer,
  decodeProgress,
  type ProgressFrame,
} from './held-run.ts'
import { limits } from './limits.ts'
import { decodeJoin, settlementOf } from './older.ts'
import type { Decoded } from './reader.ts'
import {
  decodeConnectRefusal,
  decodePause,
  decodeRegistration,
  decodeRegistrationAnswer,
  type RegistrationAnswer,
  type RegistrationOptions,
} from './registration.ts'
import {
  type DoneFrame,
  decodeDone,
  decodeFail,
  decodeSettlementAnswer,
  type FailFrame,
  type SettlementAnswer,
} from './settlement.ts'
import { decodeCapacity, decodeDrain, decodeDrainAnswer, decodeError } from './standing.ts'
import { decodeTask, decodeTaskAnswer, type TaskAnswer, type TaskFrame } from './task.ts'

const decoders: Readonly<Record<string, (value: unknown) => Decoded<unknown>>> = {
  decodeRegistration: (value) => decodeRegistration(Array.isArray(value) ? value : ['id', value]),
  decodeRegistrationAnswer,
  decodeConnectRefusal,
  decodePause: (value) => decodePause([value]),
  decodeTask: (value) => decodeTask([value]),
  decodeTaskAnswer,
  decodeJoin: (value) => decodeJoin([value]),
  decodeDone: (value) => decodeDone([value]),
  decodeOlderFail: (value) => decodeFail(settlementOf([{ id: 't1', response: value }], false)),
  decodeFail: (value) => decodeFail([value]),
  decodeSettlementAnswer,
  decodeHeartbeat: (value) => decodeHeartbeat([value]),
  decodeHeartbeatAnswer,
  decodeProgress: (value) => decodeProgress([value]),
  decodeCancel: (value) => decodeCancel([value]),
  decodeCapacity: (value) => decodeCapacity([value]),
  decodeDrain: (value) => decodeDrain([value]),
  decodeDrainAnswer,
  decodeError: (value) => decodeError([value]),
}

const id = fc.string({ minLength: 1, maxLength: 40 })
const name = fc.stringMatching(/^[a-z0-9._/@-]{1,40}$/)
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)))
const object = fc.dictionary(fc.string(), json).map((value) => JSON.parse(JSON.stringify(value)))
const time = fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString())
const prose = fc.string({ maxLength: 200 })
const count = fc.integer({ min: 1, max: 10_000 })
const partial = <Fields extends object>(
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> },
  required: (keyof Fields)[],
) => fc.record(fields, { requiredKeys: required }) as fc.Arbitrary<unknown>

const task = partial<Required<TaskFrame>>(
  {
    id,
    properties: fc.oneof(object, fc.array(json)),
    queue: name,
    attempt: count,
    maxAttempts: count,
    deadline: time,
    lease: fc.record({ id, expires: time, heartbeatMs: count }),
  },
  ['id', 'properties'],
)
const done = partial<Required<DoneFrame>>({ id, lease: id, success: fc.boolean(), results: json, meta: object }, [
  'id',
  'success',
])
const fail = partial<Required<FailFrame>>(
  { id, lease: id, success: fc.constant(false as const), results: prose, retry: fc.boolean(), pause: fc.boolean() },
  ['id', 'success', 'results'],
)
const progress = partial<Required<ProgressFrame>>(
  { id, lease: id, percent: fc.integer({ min: 0, max: 100 }), message: prose, data: json.filter((value) => value !== null) },
  ['id', 'lease'],
)
const cancel = partial<Required<CancelFrame>>({ id, reason: prose }, ['id'])
const welcome: fc.Arbitrary<RegistrationAnswer> = fc.oneof(
  fc.record({
    ok: fc.constant(true as const),
    protocol: fc.constant(1),
    session: id,
    heartbeatMs: count,
    leaseMs: count,
    resumed: fc.array(id),
    lost: fc.array(id),
    paused: fc.option(fc.record({ until: time, reason: prose })),
  }),
  fc.record({
    ok: fc.constant(false as const),
    code: fc.constantFrom('duplicate-id', 'bad-request', 'forbidden'),
    message: prose,
  }),
)
const options: fc.Arbitrary<RegistrationOptions> = fc.record(
  {
    protocol: fc.constant(1),
    instance: id,
    capacity: count,
    queues: fc.uniqueArray(name, { minLength: 1 }),
    labels: fc.dictionary(fc.string(), prose).map((value) => JSON.parse(JSON.stringify(value))),
    input: object,
    resume: fc.array(fc.record({ id, lease: id })),
    features: fc.subarray(['ack', 'lease', 'cancel', 'progress']),
  },
  { requiredKeys: ['protocol', 'instance'] },
)

describe('frames', () => {
  it('come out as they went in', () => {
    const same = (decode: (args: readonly unknown[]) => Decoded<unknown>, frames: fc.Arbitrary<unknown>) =>
      fc.assert(fc.property(frames, (frame) => void expect(decode([frame])).toEqual({ ok: true, frame })))
    same(decodeTask, task)
    same(decodeDone, done)
    same(decodeFail, fail)
    same(decodeProgress, progress)
    same(decodeCancel, cancel)
    same(([value]) => decodeRegistrationAnswer(value), welcome)
    const answers: (TaskAnswer | SettlementAnswer)[] = [{ accepted: true }, { accepted: false, code: 'busy' }]
    for (const answer of answers) expect(decodeTaskAnswer(answer)).toEqual({ ok: true, frame: answer })
    for (const answer of [{ ok: true }, { ok: false, code: 'lost', message: 'taken back' }] satisfies SettlementAnswer[]) {
      expect(decodeSettlementAnswer(answer)).toEqual({ ok: true, frame: answer })
    }
  })

  it('of any garbage answer a frame or one line, and never throw', () => {
    const garbage = fc.oneof(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withTypedArray: true,
        withSparseArray: true,
      }),
      // Nearly right: frames of one kind read as another, and with one field of anything.
      fc.oneof(task, done, fail, progress, cancel, welcome, options),
      fc
        .tuple(fc.oneof(task, done, fail, progress, welcome, options), name, fc.anything())
        .map(([frame, , wrong]) =>
          Object.fromEntries(Object.entries(frame as object).map(([key], at) => [key, at % 2 ? wrong : 'x'])),
        ),
      fc.tuple(fc.oneof(task, done, fail, progress, welcome, options), fc.nat(), fc.anything()).map(([frame, nth, wrong]) => {
        const keys = Object.keys(frame as object)
        return { ...(frame as object), [keys[nth % keys.length] ?? 'id']: wrong }
      }),
    )
    const check = fc.property(garbage, (value) => {
      for (const decode of Object.values(decoders)) {
        const decoded = decode(value)
        if (!decoded.ok) expect(decoded.reason).toMatch(/^expected .+, got: .+$/)
      }
    })
    fc.assert(check, { numRuns: 500 })
  })

  it('have room for what a newer side says', () => {
    const frame = { id: 't1', properties: {} }
    expect(decodeTask([{ ...frame, colour: 'green' }, 'offset'])).toEqual({ ok: true, frame })
  })

  it.each([
    [decodeTask([{ properties: {} }]), 'expected `id` to be a text of 1 to 200 characters without NUL, got: undefined'],
    [decodeTask([{ id: 't1', properties: 5 }]), 'expected `properties` to be an object, got: 5'],
    [decodeTask(['t1']), 'expected the frame to be an object, got: "t1"'],
    [decodeDone([{ id: 't1', success: 'yes' }]), 'expected `success` to be true or false, got: "yes"'],
    [decodeFail([{ id: 't1', success: true, results: '' }]), 'expected `success` to be false, got: true'],
    [
      decodeTask([{ id: 't1', properties: {}, lease: { id: 'L', expires: 'soon', heartbeatMs: 1 } }]),
      'expected `lease.expires` to be a time in ISO 8601, in UTC or with an offset, got: "soon"',
    ],
    [decodeRegistration(['a b']), 'expected `id` to be a text of 1 to 200 characters without spaces, got: "a b"'],
    [
      decodeRegistration(['a', { protocol: 1, instance: 'i', capacity: 0 }]),
      'expected `capacity` to be a whole number from 1 to 10000, got: 0',
    ],
  ])('are refused with a reason %#', (decoded, reason) => {
    expect(decoded).toEqual({ ok: false, reason })
  })
})

describe('a registration', () => {
  it('by its id alone is L0: one task at a time, from the queue of that name', () => {
    const frame = { id: 'questioner', level: 0, instance: undefined, capacity: 1, queues: ['questioner'] }
    expect(decodeRegistration(['questioner'])).toMatchObject({ ok: true, frame })
  })

  it('with options is L1, whatever it says beside what it must', () => {
    fc.assert(
      fc.property(name, options, (worker, said) => {
        const decoded = decodeRegistration([worker, said])
        const { protocol: _, ...rest } = said
        expect(decoded).toMatchObject({ ok: true, frame: { queues: [worker], capacity: 1, ...rest, id: worker, level: 1 } })
      }),
    )
  })

  it('keeps a label called __proto__ a label', () => {
    const labels = JSON.parse('{"__proto__":"x"}')
    const decoded = decodeRegistration(['a', { protocol: 1, instance: 'i', labels }])
    expect(decoded.ok && Object.entries(decoded.frame.labels)).toEqual([['__proto__', 'x']])
  })
})

describe('a text for people', () => {
  it('is cut when it is too long', () => {
    const decoded = decodeFail([{ id: 't1', success: false, results: 'x'.repeat(limits.proseCharacters + 1) }])
    expect(decoded.ok && decoded.frame.results).toMatch(/^x{9900,9999}\.\.\. \(10001 characters\)$/)
  })
})
