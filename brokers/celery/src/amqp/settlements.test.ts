/** Settlements against a broker in miniature that refuses a tag twice, as RabbitMQ does. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Settlements } from './settlements.ts'

type Verdict = 'ack' | 'reject' | 'requeue'

/** What a broker knows of a channel: what is out, and how the rest came back. */
class Broker {
  readonly out = new Set<number>()
  readonly back = new Map<number, Verdict>()
  frames = 0

  deliver(tag: number): void {
    this.out.add(tag)
  }

  take(settlements: Settlements): void {
    for (const frame of settlements.frames()) {
      this.frames++
      if (!this.out.has(frame.tag)) throw new Error(`unknown delivery tag ${frame.tag}`)
      if (frame.kind === 'reject') this.#end(frame.tag, frame.requeue ? 'requeue' : 'reject')
      else for (const tag of [...this.out]) if (tag === frame.tag || (frame.multiple && tag < frame.tag)) this.#end(tag, 'ack')
    }
  }

  #end(tag: number, verdict: Verdict): void {
    this.out.delete(tag)
    this.back.set(tag, verdict)
  }
}

test('whatever the order, the broker sees each message settled once, as it was, in the tick it was', () => {
  const verdict = fc.constantFrom<Verdict>('ack', 'ack', 'ack', 'reject', 'requeue')
  // A step delivers some, settles some of what is out (chosen by number), and ends the tick.
  const step = fc.record({ arrive: fc.nat(5), settle: fc.array(fc.tuple(fc.nat(), verdict), { maxLength: 6 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const settlements = new Settlements()
      const broker = new Broker()
      const expected = new Map<number, Verdict>()
      let last = 0
      for (const { arrive, settle } of steps) {
        for (let n = 0; n < arrive; n++) broker.deliver(++last)
        for (const [choice, verdict] of settle) {
          const open = [...broker.out].filter((tag) => !expected.has(tag))
          const tag = open[choice % open.length]
          if (tag === undefined) continue
          expected.set(tag, verdict)
          settlements.settle(tag, verdict)
        }
        broker.take(settlements)
        expect([...broker.back].sort(([a], [b]) => a - b)).toEqual([...expected].sort(([a], [b]) => a - b))
      }
    }),
    { numRuns: 500 },
  )
})

test('what leaves no gap is one frame, also over what was settled before', () => {
  const settlements = new Settlements()
  settlements.settle(2, 'ack')
  expect(settlements.frames()).toEqual([{ kind: 'ack', tag: 2, multiple: false }])
  for (const tag of [5, 1, 3]) settlements.settle(tag, 'ack')
  settlements.settle(4, 'reject')
  expect(settlements.frames()).toEqual([
    { kind: 'reject', tag: 4, requeue: false },
    { kind: 'ack', tag: 5, multiple: true },
  ])
  settlements.settle(6, 'ack')
  expect(settlements.frames()).toEqual([{ kind: 'ack', tag: 6, multiple: false }])
  expect(settlements.frames()).toEqual([])
})

test('thousands in order cost one frame', () => {
  const settlements = new Settlements()
  const broker = new Broker()
  for (let tag = 1; tag <= 5000; tag++) {
    broker.deliver(tag)
    settlements.settle(tag, 'ack')
  }
  broker.take(settlements)
  expect([broker.frames, broker.out.size]).toEqual([1, 0])
})

test('one that stays in hand for as long as it takes costs nothing for all that comes after it', () => {
  const settlements = new Settlements()
  let last = 0
  // More than a set has room for.
  for (let tag = 2; tag <= 17_000_000; tag++) {
    settlements.settle(tag, 'ack')
    if (tag % 1000 === 0) last = settlements.frames().at(-1)?.tag ?? 0
  }
  expect(last).toBe(17_000_000)
  settlements.settle(1, 'ack')
  expect(settlements.frames()).toEqual([{ kind: 'ack', tag: 1, multiple: false }])
})
