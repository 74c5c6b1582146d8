/** The memory signal delivers in order, to those who listen, and not after the end. */
import { expect, test } from 'vitest'
import { memorySignal } from './memory-signal.ts'

/** Resolves after everything that was published before. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await Promise.resolve()
}

test('messages arrive after the publisher has gone on, in order, at every listener of the channel', async () => {
  const signal = memorySignal()
  const heard: string[] = []
  await signal.subscribe('a', (message) => heard.push(`1:${message}`))
  await signal.subscribe('a', (message) => heard.push(`2:${message}`))
  await signal.subscribe('b', (message) => heard.push(`b:${message}`))
  signal.publish('a', 'x')
  signal.publish('a', 'y')
  expect(heard).toEqual([])
  await settled()
  expect(heard).toEqual(['1:x', '2:x', '1:y', '2:y'])
})

test('the same listener twice hears twice, and each subscription ends by itself', async () => {
  const signal = memorySignal()
  const heard: string[] = []
  const listener = (message: string): void => void heard.push(message)
  const end = await signal.subscribe('a', listener)
  await signal.subscribe('a', listener)
  signal.publish('a', 'x')
  await settled()
  await end()
  await end()
  signal.publish('a', 'y')
  await settled()
  expect(heard).toEqual(['x', 'x', 'y'])
})

test('a message on its way does not reach a subscription that has ended', async () => {
  const signal = memorySignal()
  const heard: string[] = []
  const end = await signal.subscribe('a', (message) => heard.push(message))
  signal.publish('a', 'x')
  const ending = end()
  await settled()
  await ending
  expect(heard).toEqual([])
})

test('tells whether someone listens', async () => {
  const signal = memorySignal()
  expect(signal.heard('a')).toBe(false)
  const first = await signal.subscribe('a', () => undefined)
  const second = await signal.subscribe('a', () => undefined)
  await first()
  expect([signal.heard('a'), signal.heard('b')]).toEqual([true, false])
  await second()
  expect(signal.heard('a')).toBe(false)
})

test('nothing is delivered after closing', async () => {
  const signal = memorySignal()
  const heard: string[] = []
  const end = await signal.subscribe('a', (message) => heard.push(message))
  signal.publish('a', 'x')
  await signal.close()
  await signal.close()
  await end()
  signal.publish('a', 'y')
  await settled()
  expect([heard, signal.heard('a')]).toEqual([[], false])
  await expect(signal.subscribe('a', () => undefined)).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})
