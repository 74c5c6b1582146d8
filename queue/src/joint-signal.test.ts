/** Each message takes one way to each listener, whoever has the broker at the time. */
import type { Hint, Hints, LinkedSignal } from '@lovage/core'
import { memorySignal } from '@lovage/store-memory'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Announcer } from './announcer.ts'
import { settled } from './fixtures/world.ts'
import { jointSignal } from './joint-signal.ts'

interface Process {
  readonly name: string
  readonly signal: LinkedSignal
  readonly heard: string[]
  readonly hinted: Hint[]
  turn(isUp: boolean): void
}

/** Processes on one store and one broker, each with a connection to the broker of its own. */
function town() {
  const store = memorySignal()
  const broker = memorySignal()
  const takers: ((hint: Hint) => Promise<number>)[] = []
  const hints: Hints = {
    post: (hint) => void takers[0]?.(hint),
    async take(_queue, _names, handler) {
      takers.push(handler)
      return { pause() {}, resume() {}, end() {} }
    },
  }
  return {
    store,
    async join(name: string): Promise<Process> {
      let isUp = true
      const listeners = new Set<(isUp: boolean) => void>()
      const link = {
        get isUp() {
          return isUp
        },
        onChange(listener: (isUp: boolean) => void) {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      }
      const remote: LinkedSignal = {
        ...broker,
        link,
        hints,
        publish: (channel, message) => isUp && broker.publish(channel, message),
        subscribe: (channel, listener) => broker.subscribe(channel, (message) => isUp && listener(message)),
      }
      const signal = jointSignal(remote, store)
      const process: Process = {
        name,
        signal,
        heard: [],
        hinted: [],
        turn(now) {
          isUp = now
          for (const listener of listeners) listener(now)
        },
      }
      await signal.subscribe('x', (message) => process.heard.push(message))
      return process
    },
  }
}

test('whoever has the broker, and whoever has lost it, hears each message once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ who: fc.nat(2), does: fc.constantFrom('says', 'loses', 'rejoins') }), { maxLength: 20 }),
      async (steps) => {
        const { join } = town()
        const all = [await join('a'), await join('b'), await join('c')]
        const said: string[] = []
        for (const { who, does } of steps) {
          const process = all[who] as Process
          if (does === 'says') {
            const message = `${process.name} ${said.length}`
            said.push(message)
            expect(process.signal.heard('x')).toBe(true)
            process.signal.publish('x', message)
          } else process.turn(does === 'rejoins')
          await settled()
        }
        for (const { heard } of all) expect(heard).toEqual(said)
      },
    ),
    { numRuns: 60 },
  )
})

test('a subscription that ended hears nothing on any way', async () => {
  const { join } = town()
  const [a, b] = [await join('a'), await join('b')]
  const heard: string[] = []
  const end = await b.signal.subscribe('y', (message) => heard.push(message))
  b.turn(false)
  await settled()
  a.signal.publish('y', '1')
  await settled()
  end()
  a.signal.publish('y', '2')
  b.turn(true)
  await settled()
  a.signal.publish('y', '3')
  await settled()
  expect(heard).toEqual(['1'])
})

test('what commands ask and wait for reaches those who were never told of the broker, and comes from them', async () => {
  const { join, store } = town()
  const { signal } = await join('worker')
  const heard: string[] = []
  await signal.subscribe('control', (message) => heard.push(message))
  store.publish('control', 'asked')
  for (const channel of ['reply.1', 'resolved']) {
    await store.subscribe(channel, (message) => heard.push(`${channel} ${message}`))
    signal.publish(channel, 'told')
  }
  await settled()
  expect(heard).toEqual(['asked', 'reply.1 told', 'resolved told'])
})

test('losing the broker and having it back are moments to look for oneself', async () => {
  const { join } = town()
  const { signal, turn } = await join('a')
  let backs = 0
  const end = signal.onBack?.(() => backs++)
  turn(false)
  await settled()
  turn(true)
  await settled()
  expect(backs).toBe(2)
  end?.()
  turn(false)
  await settled()
  expect(backs).toBe(2)
})

test('hints go over the broker, and to those without it as what everybody hears', async () => {
  const { join } = town()
  const [a, b, sender] = [await join('a'), await join('b'), await join('c')]
  for (const process of [a, b]) {
    await process.signal.hints?.take('default', ['job'], async (hint) => {
      process.hinted.push(hint)
      return 0
    })
  }
  const watching: string[] = []
  await sender.signal.subscribe('ready.default', (message) => watching.push(message))
  // As the queue says it: a hint for workers, and a word for those who take none.
  const say = (amount: number) =>
    new Announcer(sender.signal).pending(Array.from({ length: amount }, () => ({ queue: 'default', name: 'job' })))
  say(3)
  await settled()
  expect([a.hinted, b.hinted]).toEqual([[{ queue: 'default', name: 'job', amount: 3 }], []])
  expect(watching).toEqual([''])
  b.turn(false)
  await settled()
  say(1)
  await settled()
  expect([a.hinted.length, b.hinted]).toEqual([2, [{ queue: 'default', amount: 1000 }]])
  sender.turn(false)
  await settled()
  say(1)
  await settled()
  expect([a.hinted.length, b.hinted.length, watching.length]).toEqual([3, 2, 3])
})

test('an idle worker of the process that has something to do is woken at once, and the broker told all the same', async () => {
  const { join } = town()
  const [near, far] = [await join('near'), await join('far')]
  const take = (process: Process) =>
    process.signal.hints?.take('default', ['job'], async (hint) => {
      process.hinted.push(hint)
      return 0
    })
  await take(far)
  const taker = await take(near)
  const hint: Hint = { queue: 'default', name: 'job', amount: 1 }
  near.signal.hints?.post(hint)
  expect([near.hinted, far.hinted]).toEqual([[hint], [hint]])
  taker?.pause()
  near.signal.hints?.post(hint)
  taker?.resume()
  near.signal.hints?.post({ ...hint, name: 'other' })
  near.signal.hints?.post({ ...hint, queue: 'other' })
  expect(near.hinted).toEqual([hint])
  taker?.end()
  near.signal.hints?.post(hint)
  expect(near.hinted).toEqual([hint])
})
