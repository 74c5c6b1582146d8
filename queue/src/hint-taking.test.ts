/** A consumer that takes hints claims for each, and for nothing else. */
import type { Hint, Hints, HintTaker } from '@lovage/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { job, Recorder, settled, type World, world } from './fixtures/world.ts'

/** Hints that a test hands out by itself. */
class HintDesk implements Hints {
  readonly posted: Hint[] = []
  readonly takers: { queue: string; names: readonly string[]; handler(hint: Hint): Promise<number>; isPaused: boolean }[] = []

  post(hint: Hint): void {
    this.posted.push(hint)
  }

  async take(queue: string, names: readonly string[], handler: (hint: Hint) => Promise<number>): Promise<HintTaker> {
    const taker = { queue, names, handler, isPaused: false }
    this.takers.push(taker)
    return {
      pause: () => {
        taker.isPaused = true
      },
      resume: () => {
        taker.isPaused = false
      },
      end: () => void this.takers.splice(this.takers.indexOf(taker), 1),
    }
  }
}

let w: World
let hints: HintDesk
beforeEach(async () => {
  hints = new HintDesk()
  w = await world()
})
afterEach(() => w.close())

const broker = () => w.another({ signal: { ...w.backend.signal, hints } })

test('a send hints at what it is and how much, once for each queue and name', async () => {
  const sender = await broker()
  await sender.tasks.send([job('a'), job('b'), job('c', { name: 'mail' }), job('d', { queue: 'other' })])
  expect(hints.posted).toEqual([
    { queue: 'default', name: 'job', amount: 2 },
    { queue: 'default', name: 'mail', amount: 1 },
    { queue: 'other', name: 'job', amount: 1 },
  ])
})

test('an idle consumer claims when it is given a hint, and says that nothing is left', async () => {
  const recorder = await new Recorder().open(await broker())
  const [taker] = hints.takers
  expect(taker).toMatchObject({ queue: 'default', names: ['job'], isPaused: false })
  await w.broker.tasks.send([job('a')])
  await settled()
  expect(recorder.names).toEqual([])
  expect(await taker?.handler({ queue: 'default', name: 'job', amount: 5 })).toBe(0)
  expect(recorder.names).toEqual(['a'])
})

test('a consumer without room for all says how much is left, and leaves hints to others until it is idle again', async () => {
  const recorder = await new Recorder().open(await broker(), { prefetch: 2 })
  await w.broker.tasks.send([job('a'), job('b'), job('c'), job('d')])
  const [taker] = hints.takers
  expect(await taker?.handler({ queue: 'default', name: 'job', amount: 4 })).toBe(2)
  expect(taker?.isPaused).toBe(true)
  await expect(taker?.handler({ queue: 'default', name: 'job', amount: 1 })).rejects.toThrow('a full worker')
  for (const id of ['a', 'b', 'c', 'd']) {
    await recorder.delivery(id).settle({ type: 'completed', result: 1 })
    await settled()
  }
  expect(recorder.names).toEqual(['a', 'b', 'c', 'd'])
  expect(taker?.isPaused).toBe(false)
})

test('a hint at what the consumer holds back, or while it is paused, goes to others', async () => {
  const recorder = await new Recorder().open(await broker())
  const [taker] = hints.takers
  recorder.consumer.skip?.(['job'])
  await expect(taker?.handler({ queue: 'default', name: 'job', amount: 1 })).rejects.toThrow('job being held back')
  recorder.consumer.skip?.([])
  recorder.consumer.pause()
  expect(taker?.isPaused).toBe(true)
  await expect(taker?.handler({ queue: 'default', amount: 1 })).rejects.toThrow('a pause')
  recorder.consumer.resume()
  await settled()
  expect(taker?.isPaused).toBe(false)
})

/** Holds the next claim until it is let go, and makes the others take a while. */
function heldClaim(): { readonly asked: Promise<void>; go(): void } {
  const claim = w.backend.store.claim.bind(w.backend.store)
  let go = (): void => {}
  let ask = (): void => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  w.backend.store.claim = async (request) => {
    w.backend.store.claim = (later) => new Promise((resolve) => setImmediate(() => resolve(claim(later))))
    const reply = await claim(request)
    ask()
    await gate
    return reply
  }
  return { asked, go }
}

test('a claim that was under way before the hint is no answer to it', async () => {
  const recorder = await new Recorder().open(await broker(), { prefetch: 2 })
  const [taker] = hints.takers
  const held = heldClaim()
  const first = taker?.handler({ queue: 'default', name: 'job', amount: 1 })
  await held.asked
  await w.broker.tasks.send([job('a'), job('b'), job('c'), job('d'), job('e')])
  const second = taker?.handler({ queue: 'default', name: 'job', amount: 5 })
  held.go()
  expect(await first).toBe(0)
  expect(await second).toBe(3)
  expect(recorder.names).toEqual(['a', 'b'])
})

test('hints of two queues that one claim answers are not both fulfilled by the task of one', async () => {
  const recorder = await new Recorder().open(await broker(), { prefetch: 1, queues: ['default', 'other'] })
  await w.broker.tasks.send([job('a'), job('b', { queue: 'other' })])
  const left = await Promise.all(hints.takers.map(({ handler, queue }) => handler({ queue, name: 'job', amount: 1 })))
  expect(recorder.names).toHaveLength(1)
  expect(left.reduce((sum, one) => sum + one, 0)).toBe(1)
})

test('a pause during a claim outlasts it', async () => {
  const recorder = await new Recorder().open(await broker())
  const held = heldClaim()
  const answer = hints.takers[0]?.handler({ queue: 'default', amount: 1 })
  await held.asked
  recorder.consumer.pause()
  held.go()
  await answer
  expect(hints.takers[0]?.isPaused).toBe(true)
})

test('while claims fail hints are for others', async () => {
  await new Recorder().open(await broker())
  const [taker] = hints.takers
  const claim = w.backend.store.claim
  w.backend.store.claim = () => Promise.reject(new TypeError('disk full'))
  await expect(taker?.handler({ queue: 'default', amount: 1 })).rejects.toThrow('disk full')
  expect(taker?.isPaused).toBe(true)
  w.backend.store.claim = claim
  await w.clock.advance(1000)
  expect(taker?.isPaused).toBe(false)
})

test('a claim that fails gives the hint back', async () => {
  const recorder = await new Recorder().open(await broker())
  const claim = w.backend.store.claim
  w.backend.store.claim = () => Promise.reject(new TypeError('disk full'))
  await expect(hints.takers[0]?.handler({ queue: 'default', amount: 1 })).rejects.toThrow('disk full')
  w.backend.store.claim = claim
  expect(recorder.errors).toHaveLength(1)
})

test('queues come and go with their hints', async () => {
  const recorder = await new Recorder().open(await broker())
  await recorder.consumer.addQueue('more')
  expect(hints.takers.map(({ queue }) => queue)).toEqual(['default', 'more'])
  await recorder.consumer.cancelQueue('default')
  expect(hints.takers.map(({ queue }) => queue)).toEqual(['more'])
  await recorder.consumer.close()
  expect(hints.takers).toEqual([])
})

test('hints of queues that rest are for others', async () => {
  const { consumer } = await new Recorder().open(await broker(), { queues: ['default', 'other'] })
  const paused = () => Object.fromEntries(hints.takers.map(({ queue, isPaused }) => [queue, isPaused]))
  consumer.rest?.(['other'])
  expect(paused()).toEqual({ default: false, other: true })
  const other = hints.takers.find(({ queue }) => queue === 'other')
  await expect(other?.handler({ queue: 'other', amount: 1 })).rejects.toThrow('room for tasks of other')
  consumer.rest?.(['default'])
  expect(paused()).toEqual({ default: true, other: false })
  consumer.pause()
  consumer.rest?.([])
  expect(paused()).toEqual({ default: true, other: true })
  consumer.resume()
  await settled()
  expect(paused()).toEqual({ default: false, other: false })
})
