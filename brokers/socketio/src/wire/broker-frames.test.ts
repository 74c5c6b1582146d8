/** Frames of whole Workers: garbage is refused, and what was told comes out as it went in. */
import type { Outcome } from '@lovage/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCommand, decodeCommandReply, decodeEvents, decodeMessages, decodeSendAnswer } from './buses.ts'
import { decodeBegun, decodeDelivered, decodeMayBegin, decodeNotes, decodeRevoked } from './delivered.ts'
import { decodeInflow, decodeInflowAnswer } from './inflow.ts'
import { decodeOutcomeAnswers, decodeOutcomes } from './outcomes.ts'
import { decodeRegistration } from './registration.ts'
import { decodeResultRequest, decodeResultsAnswer } from './results.ts'

const ofArguments = [
  ...[decodeDelivered, decodeRevoked, decodeBegun, decodeNotes, decodeInflow, decodeOutcomes],
  ...[decodeCommand, decodeEvents, decodeMessages, decodeResultRequest],
]
const ofAnswers = [
  ...[decodeMayBegin, decodeInflowAnswer, decodeOutcomeAnswers, decodeCommandReply, decodeSendAnswer, decodeResultsAnswer],
]

const failure = fc.record(
  { name: fc.string({ maxLength: 100 }), message: fc.string(), code: fc.string({ maxLength: 50 }), stack: fc.string() },
  { requiredKeys: ['name', 'message'] },
)
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ type: fc.constant('completed' as const), result: fc.jsonValue().filter((value) => value !== null) }),
  fc.record(
    { type: fc.constant('failed' as const), failure, reason: fc.constant('timeout') },
    { requiredKeys: ['type', 'failure'] },
  ),
  fc.record({ type: fc.constant('retried' as const), delayMs: fc.nat(), limit: fc.nat(), failure }),
  fc.record({ type: fc.constant('released' as const), delayMs: fc.nat() }, { requiredKeys: ['type'] }),
  fc.record({ type: fc.constant('rejected' as const), reason: fc.constant('malformed-payload' as const), failure }),
  fc.record({ type: fc.constant('cancelled' as const), message: fc.string() }, { requiredKeys: ['type'] }),
)

describe('frames of the feature broker', () => {
  it('never throw, whatever comes', () => {
    const anything = fc.oneof(fc.anything(), fc.array(fc.anything()), fc.array(fc.dictionary(fc.string(), fc.jsonValue())))
    fc.assert(
      fc.property(anything, (value) => {
        for (const decode of ofArguments) expect(decode([value])).toHaveProperty('ok')
        for (const decode of ofAnswers) expect(decode(value)).toHaveProperty('ok')
      }),
    )
  })

  it('bring every outcome as it was told', () => {
    const settled = fc.record({ id: fc.string({ minLength: 1, maxLength: 200 }), run: fc.nat(), begunMsAgo: fc.nat(), outcome })
    fc.assert(
      fc.property(fc.array(settled), (told) => {
        const travelled: unknown = JSON.parse(JSON.stringify(told))
        const decoded = decodeOutcomes([travelled])
        expect(decoded.ok && decoded.frame.map((one) => one.ok && one.frame)).toEqual(travelled)
      }),
    )
  })

  it('take a result that is null for none, which is kept as null', () => {
    const decoded = decodeOutcomes([[{ id: 'a', run: 0, outcome: { type: 'completed', result: null } }]])
    expect(decoded).toEqual({ ok: true, frame: [{ ok: true, frame: { id: 'a', run: 0, outcome: { type: 'completed' } } }] })
  })

  it('are read each for itself: one that is wrong keeps no others', () => {
    const good = { id: 'a', run: 0, outcome: { type: 'cancelled' } }
    const decoded = decodeOutcomes([[good, { id: 'b', run: 0, outcome: { type: 'gone' } }, { run: 1 }]])
    expect(decoded.ok && decoded.frame.map(({ ok }) => ok)).toEqual([true, false, false])
  })

  it('cut the texts of failures, and refuse what is too large', () => {
    const told = (more: object) => [[{ id: 'a', run: 0, outcome: { type: 'completed', ...more } }]]
    const [large] = (decodeOutcomes(told({ result: 'x'.repeat(1024 * 1024) })) as { frame: readonly unknown[] }).frame
    expect(large).toMatchObject({ ok: false, reason: expect.stringContaining('at most 1048576 bytes') })
    const long = { name: 'Error', message: 'x'.repeat(9000) }
    const [cut] = (
      decodeOutcomes([[{ id: 'a', run: 0, outcome: { type: 'failed', failure: long } }]]) as { frame: readonly unknown[] }
    ).frame
    expect(cut).toMatchObject({
      ok: true,
      frame: { outcome: { failure: { message: expect.stringMatching(/^x{7900,7999}\.\.\. /) } } },
    })
  })

  it('name tasks and times as core does: what nobody else may send, a worker may not either', () => {
    const message = { id: 'a', name: 'n', queue: 'q', priority: 4 }
    expect(decodeMessages([[{ ...message, at: 8.64e15, keyForMs: 1000 }]])).toMatchObject({ ok: true })
    const wrong = [
      ...[{ id: 'a\u001b[2J' }, { id: 'two words' }, { name: 'two\nlines' }, { key: 'k'.repeat(501) }],
      ...[{ at: 8.64e15 + 1 }, { deadline: 9e15 }, { timeoutMs: 9e15 }, { keyForMs: 9e15 }],
    ]
    for (const more of wrong) expect(decodeMessages([[{ ...message, ...more }]])).toMatchObject({ ok: false })
    const told = (more: object, outcome: object) => decodeOutcomes([[{ id: 'a', run: 0, ...more, outcome }]])
    const refused = { frame: [{ ok: false }] }
    expect(told({}, { type: 'retried', delayMs: 9e15, limit: 1 })).toMatchObject(refused)
    expect(told({}, { type: 'released', delayMs: 9e15 })).toMatchObject(refused)
    expect(told({ begunMsAgo: 9e15 }, { type: 'completed' })).toMatchObject(refused)
  })

  it('bring no NUL in ids, names and reasons: stores write none, and what is asked of them for many would fail for all', () => {
    const inflow = { prefetch: 5, paused: false, resting: [], skipped: [] }
    const work = { host: 'far', pid: 1, tasks: [{ name: 'a\0' }], inflow }
    const options = { protocol: 1, instance: 'i' }
    expect(decodeRegistration(['w', { ...options, resume: [{ id: 'a\0', lease: 'run-0' }] }])).toMatchObject({ ok: false })
    expect(decodeRegistration(['w', { ...options, features: ['broker'], work }])).toMatchObject({ ok: false })
    expect(decodeBegun([[{ id: '\0', run: 0 }]])).toMatchObject({ ok: false })
    expect(decodeResultRequest([{ ids: ['\0'] }])).toMatchObject({ ok: false })
    const failed = { type: 'failed', reason: 'n\0ul', failure: { name: 'E', message: 'm' } }
    expect(decodeOutcomes([[{ id: 'a', run: 0, outcome: failed }]])).toMatchObject({
      frame: [{ ok: true, frame: { outcome: { reason: 'nul' } } }],
    })
  })

  it('make a worker of its registration only with what it runs', () => {
    const inflow = { prefetch: 5, paused: false, resting: [], skipped: [] }
    const work = { host: 'far', pid: 1, tasks: [{ name: 'a', schema: { type: 'object' } }], inflow }
    const options = { protocol: 1, instance: 'i', queues: [], features: ['broker', 'unknown'] }
    expect(decodeRegistration(['w@far', { ...options, work }])).toMatchObject({
      ok: true,
      frame: { queues: [], features: ['broker'], work },
    })
    expect(decodeRegistration(['w@far', options])).toMatchObject({ ok: false })
    expect(decodeRegistration(['w@far', { ...options, features: [], work }])).toEqual(
      expect.objectContaining({ frame: expect.not.objectContaining({ work: expect.anything() }) }),
    )
  })
})
