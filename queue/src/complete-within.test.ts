/** What a consumer makes of a completion in a transaction: until it settles it knows neither of the commit nor of a rollback. */
import type { Broker, Store, StoreCapabilities } from '@lovage/core'
import { memoryBackend } from '@lovage/store-memory'
import { expect, onTestFinished, test } from 'vitest'
import { job, type ManualClock, manualClock, Recorder, settled } from './fixtures/world.ts'
import { createQueueBroker } from './queue-broker.ts'

interface Scene {
  readonly broker: Broker
  readonly recorder: Recorder
  readonly clock: ManualClock
  readonly store: Store
  readonly said: readonly string[]
}

/** A store whose transactions are committed at once, or rolled back with all that was written in them. */
async function scene(end: 'commits' | 'rolls back'): Promise<Scene> {
  const { store, signal } = memoryBackend()
  const clock = manualClock()
  const said: string[] = []
  const update: Store['update'] = async (changes, options) => {
    if (options?.transaction === undefined || end === 'commits') return store.update(changes)
    return { applied: changes.map(() => true), ready: [], resolved: [] }
  }
  const capabilities: StoreCapabilities = { ...store.capabilities, transactions: true }
  const taking = new Proxy(store, {
    get: (target, key) => (key === 'update' ? update : key === 'capabilities' ? capabilities : Reflect.get(target, key)),
  })
  const publishWithin = async (_: object, letters: readonly { channel: string; message: string }[]): Promise<void> => {
    for (const { channel, message } of letters) said.push(`${channel} ${message}`)
  }
  const broker = await createQueueBroker({ store: taking, signal: { ...signal, publishWithin }, clock, random: () => 0 })
  onTestFinished(() => broker.close())
  const recorder = await new Recorder().open(broker)
  await broker.tasks.send([job('a'), job('b', { dependencies: ['a'] })])
  await settled()
  return { broker, recorder, clock, store, said }
}

test('a committed run is not lost to its worker when its lease is gone, and counts when it is settled', async () => {
  const { recorder, clock, store, said } = await scene('commits')
  const delivery = recorder.delivery('a')
  await delivery.completeWithin?.({ n: 1 }, {})
  expect(said).toEqual(['ready.default ', 'resolved ["a"]'])
  await clock.advance(25_000)
  expect(recorder.revoked).toEqual([])
  expect(await delivery.settle({ type: 'failed', failure: { name: 'Error', message: 'too late' } })).toBe(false)
  expect(delivery.committed).toEqual({ type: 'completed', result: { n: 1 } })
  expect((await store.get(['a']))[0]).toMatchObject({ state: 'completed', result: '{"n":1}' })
})

test('after a rollback the run is as good as before', async () => {
  const { recorder, clock, store } = await scene('rolls back')
  const delivery = recorder.delivery('a')
  await delivery.completeWithin?.({ n: 1 }, {})
  await clock.advance(40_000)
  expect(recorder.revoked).toEqual([])
  expect(await delivery.settle({ type: 'failed', failure: { name: 'Error', message: 'no' } })).toBe(true)
  expect(delivery.committed).toBeUndefined()
  expect((await store.get(['a']))[0]).toMatchObject({ state: 'failed', run: 0 })
})

test('a run that goes on after a rollback hears that it was cancelled', async () => {
  const { broker, recorder } = await scene('rolls back')
  await recorder.delivery('a').completeWithin?.(1, {})
  expect(await broker.tasks.cancel(['a'])).toEqual([true])
  await settled()
  expect(recorder.revoked).toEqual([{ id: 'a', run: 0, reason: 'cancelled' }])
})

test('a run that is over for this worker is refused, and what cannot be written is', async () => {
  const { recorder, store } = await scene('commits')
  const delivery = recorder.delivery('a')
  await expect(delivery.completeWithin?.(10n, {})).rejects.toMatchObject({ code: 'INPUT_UNSERIALIZABLE' })
  await store.update([{ id: 'a', from: 'running', run: 0, patch: { state: 'pending' } }])
  await expect(delivery.completeWithin?.(1, {})).rejects.toMatchObject({ code: 'RUN_STOPPED', subject: 'a' })
  expect(await delivery.settle({ type: 'completed', result: 1 })).toBe(false)
  expect(delivery.committed).toBeUndefined()
})

test('a store without transactions refuses', async () => {
  const { store, signal } = memoryBackend()
  const broker = await createQueueBroker({ store, signal })
  onTestFinished(() => broker.close())
  const recorder = await new Recorder().open(broker)
  await broker.tasks.send([job('a')])
  await settled()
  await expect(recorder.delivery('a').completeWithin?.(1, {})).rejects.toMatchObject({ code: 'UNSUPPORTED' })
})
