import { ConfigError, type Store, StoreError } from '@lovage/core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { job, type World, world } from './fixtures/world.ts'
import { createQueueBroker } from './queue-broker.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w.close())

test('a sent task is pending, with its content', async () => {
  const [receipt] = await w.broker.tasks.send([job('a', { input: { x: 1 }, headers: { trace: 't' }, args: [1], priority: 6 })])
  expect(receipt).toEqual({ id: 'a', status: 'sent' })
  const [task] = (await w.broker.admin?.get(['a'])) ?? []
  expect(task).toMatchObject({
    state: 'pending',
    input: '{"x":1}',
    priority: 6,
    run: -1,
    extras: { headers: { trace: 't' }, args: [1] },
  })
})

test('the same id with the same content is one task', async () => {
  await w.broker.tasks.send([job('a', { input: 1 })])
  expect(await w.broker.tasks.send([job('a', { input: 1 })])).toEqual([{ id: 'a', status: 'existing' }])
})

test('the same id with other content is a conflict and leaves the task as it was', async () => {
  await w.broker.tasks.send([job('a', { input: 1 })])
  await expect(w.broker.tasks.send([job('a', { input: 2 })])).rejects.toMatchObject({ code: 'TASK_CONFLICT', subject: 'a' })
  expect((await w.broker.admin?.get(['a']))?.[0]?.input).toBe('1')
})

test('a taken key answers with its task, conflicts or is replaced, by policy', async () => {
  await w.broker.tasks.send([job('a', { key: 'k', keyPolicy: 'existing' })])
  expect(await w.broker.tasks.send([job('b', { key: 'k', keyPolicy: 'existing' })])).toEqual([{ id: 'a', status: 'existing' }])
  await expect(w.broker.tasks.send([job('c', { key: 'k', keyPolicy: 'reject' })])).rejects.toMatchObject({
    code: 'KEY_CONFLICT',
    subject: 'a',
  })
  expect(await w.broker.tasks.send([job('d', { key: 'k', keyPolicy: 'replace' })])).toEqual([{ id: 'd', status: 'sent' }])
  expect(await w.broker.results.get(['a', 'd'])).toMatchObject([
    { state: 'exception', reason: 'superseded' },
    { state: 'pending' },
  ])
})

test('a key with a window stays taken after the task is resolved, and not longer', async () => {
  await w.broker.tasks.send([job('a', { key: 'k', keyPolicy: 'existing', keyForMs: 60_000 })])
  await w.broker.tasks.cancel(['a'])
  expect(await w.broker.tasks.send([job('b', { key: 'k', keyPolicy: 'existing' })])).toEqual([{ id: 'a', status: 'existing' }])
  await w.clock.advance(60_001)
  expect(await w.broker.tasks.send([job('b', { key: 'k', keyPolicy: 'existing' })])).toEqual([{ id: 'b', status: 'sent' }])
})

test('a call with several messages is sent whole or not at all', async () => {
  await w.broker.tasks.send([job('b', { input: 'other' })])
  await expect(w.broker.tasks.send([job('a'), job('b'), job('c')])).rejects.toMatchObject({ code: 'TASK_CONFLICT' })
  expect(await w.broker.results.get(['a', 'c'])).toMatchObject([{ state: 'unknown' }, { state: 'unknown' }])
})

test('an unknown dependency refuses the call', async () => {
  await expect(w.broker.tasks.send([job('a', { dependencies: ['nobody'] })])).rejects.toMatchObject({
    code: 'DEPENDENCY_UNKNOWN',
    subject: 'nobody',
  })
})

test('one refused message does not harm others that were sent at the same time', async () => {
  await w.broker.tasks.send([job('a', { input: 1 })])
  const outcomes = await Promise.allSettled([
    w.broker.tasks.send([job('b')]),
    w.broker.tasks.send([job('a', { input: 2 })]),
    w.broker.tasks.send([job('c')]),
  ])
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('sends of one tick share a transaction', async () => {
  await Promise.all(Array.from({ length: 500 }, (_, i) => w.broker.tasks.send([job(`t${i}`)])))
  expect(w.calls.insert).toBeLessThanOrEqual(2)
})

test('callers who await each send are handed over by halves, so that the store and they work at once', async () => {
  const sizes: number[] = []
  const insert = w.backend.store.insert.bind(w.backend.store)
  vi.spyOn(w.backend.store, 'insert').mockImplementation((tasks, options) => {
    sizes.push(tasks.length)
    return insert(tasks, options)
  })
  const caller = async (_: unknown, who: number) => {
    for (let n = 0; n < 20; n++) await w.broker.tasks.send([job(`${who}-${n}`)])
  }
  await Promise.all(Array.from({ length: 100 }, caller))
  expect(sizes[0]).toBe(100)
  expect(sizes.slice(1).every((size) => size <= 50)).toBe(true)
})

test('a flood is handed over in parts before it ends, and all of it with the tick', async () => {
  const handed: number[] = []
  const sends = Array.from({ length: 1000 }, (_, i) => {
    const sent = w.broker.tasks.send([job(`t${i}`)])
    handed.push(w.calls.insert ?? 0)
    return sent
  })
  expect([handed[254], handed[255], handed[511], handed[999]]).toEqual([0, 1, 2, 3])
  // Neither a send of several nor any other call overtakes it.
  const several = w.broker.tasks.send([job('x', { dependencies: ['t999'] }), job('y')])
  const cancelled = w.broker.tasks.cancel(['t998'])
  await Promise.all([...sends, several])
  expect(await cancelled).toHaveLength(1)
  expect((await w.broker.results.get(['t998', 'x'])).map(({ state }) => state)).toEqual(['exception', 'blocked'])
  const { tasks } = (await w.broker.admin?.find({ limit: 1000, states: ['pending'] })) ?? { tasks: [] }
  expect(new Set(tasks.map(({ id }) => id)).size).toBe(1000)
})

test('of tasks that depend on one another those behind a failed part fail for its reason', async () => {
  let failing = true
  const insert = w.backend.store.insert.bind(w.backend.store)
  vi.spyOn(w.backend.store, 'insert').mockImplementation((tasks, options) => {
    if (!failing) return insert(tasks, options)
    failing = false
    return Promise.reject(new StoreError('STORE_BUSY', 'expected the lock'))
  })
  const sends = Array.from({ length: 600 }, (_, i) =>
    w.broker.tasks.send([job(`t${i}`, i === 0 ? {} : { dependencies: [`t${i - 1}`] })]),
  )
  const codes = (await Promise.allSettled(sends)).map((sent) => (sent.status === 'rejected' ? sent.reason.code : 'sent'))
  expect(new Set(codes)).toEqual(new Set(['STORE_BUSY']))
  await expect(w.broker.tasks.send([job('later', { dependencies: ['t0'] })])).rejects.toMatchObject({
    code: 'DEPENDENCY_UNKNOWN',
  })
})

test('a value that is not JSON is refused with its reason', async () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  await expect(w.broker.tasks.send([job('a', { input: circular })])).rejects.toMatchObject({ code: 'INPUT_UNSERIALIZABLE' })
  await expect(w.broker.tasks.send([job('a', { input: 10n })])).rejects.toMatchObject({ code: 'INPUT_UNSERIALIZABLE' })
  await expect(w.broker.tasks.send([job('a', { input: () => 1 })])).rejects.toMatchObject({ code: 'INPUT_UNSERIALIZABLE' })
})

test('a payload above the limit is refused where it is sent', async () => {
  const small = await w.another({ maxPayload: 100 })
  await expect(small.tasks.send([job('a', { input: 'x'.repeat(200) })])).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
})

test('a deadline in the past is refused', async () => {
  await expect(w.broker.tasks.send([job('a', { deadline: w.clock.now() })])).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})

test('a closed broker refuses to send', async () => {
  await w.broker.close()
  await expect(w.broker.tasks.send([job('a')])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})

test('one that can never be written takes nobody along', async () => {
  const { store, signal } = w.backend
  const insert: Store['insert'] = async (tasks, options) => {
    if (tasks.some(({ name }) => name === 'bad')) throw new ConfigError('NAME_INVALID', 'expected another name')
    return store.insert(tasks, options)
  }
  const picky = new Proxy(store, { get: (target, key) => (key === 'insert' ? insert : Reflect.get(target, key)) })
  const broker = await createQueueBroker({ store: picky, signal })
  const sent = ['a', 'b', 'c'].map((id) => broker.tasks.send([job(id, id === 'b' ? { name: 'bad' } : {})]))
  expect((await Promise.allSettled(sent)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  await broker.close()
})

test('sends that share a transaction know no more of each other than sends apart', async () => {
  await w.broker.tasks.send([job('holder', { key: 'k' })])
  const together = await Promise.allSettled([
    w.broker.tasks.send([job('a', { key: 'k' })]),
    w.broker.tasks.send([job('b', { dependencies: ['a'] })]),
  ])
  expect(together).toMatchObject([
    { value: [{ id: 'holder', status: 'existing' }] },
    { reason: { code: 'DEPENDENCY_UNKNOWN', subject: 'a' } },
  ])
})
