import { afterEach, beforeEach, expect, test } from 'vitest'
import { Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w.close())

async function worker(name: string) {
  const broker = await w.another()
  await new Recorder().open(broker, { worker: name })
  await broker.control.serve(name, (method, args) => {
    if (method === 'fail') throw new TypeError('cannot')
    return { method, args, name }
  })
}

test('every worker answers, and nobody waits longer than for the last of them', async () => {
  await worker('a@h')
  await worker('b@h')
  const replies = await w.broker.control.request('ping', { x: 1 })
  expect(replies.map((reply) => reply.worker).sort()).toEqual(['a@h', 'b@h'])
  expect(replies[0]).toMatchObject({ ok: true, value: { method: 'ping', args: { x: 1 } } })
})

test('destination and pattern choose who is asked', async () => {
  await worker('a@h')
  await worker('b@h')
  const asked = async (options: object) => (await w.broker.control.request('ping', {}, options)).map((reply) => reply.worker)
  expect(await asked({ destination: ['b@h'] })).toEqual(['b@h'])
  expect(await asked({ pattern: 'a@*' })).toEqual(['a@h'])
})

test('an error becomes a reply', async () => {
  await worker('a@h')
  expect(await w.broker.control.request('fail', {})).toEqual([{ worker: 'a@h', ok: false, error: 'cannot' }])
})

test('the limit ends the wait early, the time-out ends it without answers', async () => {
  await worker('a@h')
  await worker('b@h')
  expect(await w.broker.control.request('ping', {}, { limit: 1 })).toHaveLength(1)
  const waiting = w.broker.control.request('ping', {}, { destination: ['nobody@h'], timeoutMs: 700 })
  await w.clock.advance(700)
  expect(await waiting).toEqual([])
})

test('a worker that has stopped serving is silent', async () => {
  const end = await w.broker.control.serve('a@h', () => 'here')
  await end()
  const waiting = w.broker.control.request('ping', {}, { timeoutMs: 100 })
  await w.clock.advance(100)
  expect(await waiting).toEqual([])
})

test('events reach those who capture them, by pattern, and are not built when nobody does', async () => {
  expect(w.broker.events.wanted()).toBe(false)
  const seen: string[] = []
  const end = await (await w.another()).events.capture(['task-*'], (event) => seen.push(event.type))
  expect(w.broker.events.wanted()).toBe(true)
  for (const type of ['task-started', 'worker-heartbeat', 'task-succeeded']) {
    w.broker.events.emit({ type, at: w.clock.now(), worker: 'a@h' })
  }
  await settled()
  expect(seen).toEqual(['task-started', 'task-succeeded'])
  await end()
  expect(w.broker.events.wanted()).toBe(false)
})

test('task events are wanted only by those who capture them, whatever else is captured', async () => {
  const other = await w.another()
  await other.events.capture(['worker-*', 'my-own'], () => {})
  expect(w.broker.events.wanted()).toBe(true)
  expect(w.broker.events.wanted('task-started')).toBe(false)
  expect(w.broker.events.wanted('my-own')).toBe(true)
  const seen: string[] = []
  await other.events.capture(['*'], (event) => seen.push(event.type))
  expect(w.broker.events.wanted('task-started')).toBe(true)
  for (const type of ['task-started', 'worker-online', 'deploy']) w.broker.events.emit({ type, at: 0, worker: 'a@h' })
  await settled()
  expect(seen.sort()).toEqual(['deploy', 'task-started', 'worker-online'])
})

test('answers and events that are not JSON become errors and warnings, and the rest goes on', async () => {
  const broker = await w.another()
  await new Recorder().open(broker, { worker: 'a@h' })
  await broker.control.serve('a@h', () => 10n)
  expect(await w.broker.control.request('count', {})).toMatchObject([{ worker: 'a@h', ok: false }])
  await expect(w.broker.control.request('count', { n: 10n })).rejects.toMatchObject({ code: 'INPUT_UNSERIALIZABLE' })
  const seen: string[] = []
  await w.broker.events.capture(['*'], (event) => seen.push(event.type))
  for (const [type, n] of [
    ['bad', 10n],
    ['good', 10],
  ] as const)
    broker.events.emit({ type, at: 0, worker: 'a@h', n })
  await settled()
  expect(seen).toEqual(['good'])
})

test('workers of one name answer each for themselves', async () => {
  await worker('twin@h')
  await worker('twin@h')
  expect(await w.broker.control.request('ping', {})).toHaveLength(2)
  expect(await w.broker.control.request('ping', {}, { destination: ['twin@h'] })).toHaveLength(2)
})

test('a request that is taken back before it went out reaches nobody', async () => {
  await worker('a@h')
  const heard: string[] = []
  await w.broker.control.serve('b@h', (method) => heard.push(method))
  const leaving = new AbortController()
  const asked = w.broker.control.request('shutdown', {}, { signal: leaving.signal })
  leaving.abort(new TypeError('enough'))
  await expect(asked).rejects.toThrow('enough')
  await settled()
  expect(heard).toEqual([])
})

test('who is named twice is waited for once', async () => {
  await worker('a@h')
  expect(await w.broker.control.request('ping', {}, { destination: ['a@h', 'a@h'] })).toHaveLength(1)
})

test('a request of which two copies come is done once, and so is its answer counted', async () => {
  const { signal } = w.backend
  const twice = (channel: string, message: string): void => {
    signal.publish(channel, message)
    signal.publish(channel, message)
  }
  const broker = await w.another({ signal: { ...signal, publish: twice } })
  await new Recorder().open(broker, { worker: 'a@h' })
  const done: string[] = []
  await broker.control.serve('a@h', (method) => done.push(method))
  const waiting = broker.control.request('grow', {}, { limit: 2, timeoutMs: 100, destination: ['a@h', 'nobody@h'] })
  await w.clock.advance(100)
  expect(await waiting).toMatchObject([{ worker: 'a@h', ok: true, value: 1 }])
  expect(done).toEqual(['grow'])
})
