/** A worker with a channel to its parent outlives it only for as long as its handlers take, and not for ever. */
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { endWithParent } from './end-with-parent.ts'

let stops: unknown[]
const worker = { stop: async (how?: unknown) => void stops.push(how ?? 'warm') }
const child = (connected?: boolean) => Object.assign(new EventEmitter(), { channel: { unref() {} }, connected })
beforeEach(() => {
  stops = []
  vi.useFakeTimers()
})
afterEach(() => vi.useRealTimers())

test('warm when the channel closes, cold ten minutes later', async () => {
  const face = child(true)
  endWithParent(worker, face)
  expect(stops).toEqual([])
  face.emit('disconnect')
  expect(stops).toEqual(['warm'])
  await vi.advanceTimersByTimeAsync(599_999)
  expect(stops).toEqual(['warm'])
  await vi.advanceTimersByTimeAsync(1)
  expect(stops).toEqual(['warm', { cold: true }])
})

test('at once when the parent went while the worker started', () => {
  endWithParent(worker, child(false))
  expect(stops).toEqual(['warm'])
})

test('never without a channel', () => {
  const face = child()
  endWithParent(worker, face)
  expect([stops, face.listenerCount('disconnect')]).toEqual([[], 0])
})
