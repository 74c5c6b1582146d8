/** Results on a real Redis: as Celery keeps them, never over a success, awaited by many, counted for chords. */
import { LovageError, TaskError } from '@lovage/core'
import { startRedis } from '@lovage/services'
import { manualClock } from '@lovage/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { readFixture } from '../fixtures/captured.ts'
import type { ChordMember, ResultBackend, ResultEntry } from '../result-backend.ts'
import { systemClock } from '../system-clock.ts'
import { writePython } from '../wire/python-json.ts'
import { decodeResultRecord } from '../wire/result-json.ts'
import { openRedisResults, type RedisResultsPlan } from './redis-results.ts'

const server = await startRedis({ durable: true })
const raw = new Redis({ port: server.port, retryStrategy: () => 20 })
raw.on('error', () => {})
beforeEach(async () => void (await raw.flushall()))
afterAll(async () => {
  raw.disconnect()
  await server.stop()
})
const soon = { timeout: 15_000, interval: 10 }

async function open(plan: Partial<RedisResultsPlan> = {}): Promise<ResultBackend> {
  const onBadRecord = (error: Error): never => {
    throw error
  }
  const results = await openRedisResults({
    url: server.url,
    clock: systemClock,
    replyTo: 'me',
    expiresMs: 86_400_000,
    onBadRecord,
    ...plan,
  })
  onTestFinished(() => results.close())
  return results
}

function entryOf(taskId: string, status: string, result: unknown = null): ResultEntry {
  return { record: { taskId, status, result } }
}

test('every captured record is stored as Celery stored it, told on its channel, and read again', async () => {
  const results = await open()
  const stored = readFixture('stored-results') as readonly {
    readonly from: string
    readonly value: { readonly task_id: string }
  }[]
  expect(stored.length).toBeGreaterThan(10)
  const ear = raw.duplicate()
  onTestFinished(() => ear.disconnect())
  const told: string[] = []
  ear.on('pmessage', (_pattern, channel, text) => told.push(`${channel} ${text}`))
  await ear.psubscribe('celery-task-meta-*')
  for (const { value } of stored) {
    const text = writePython(value)
    const record = decodeResultRecord(text)
    const key = `celery-task-meta-${value.task_id}`
    await results.store([{ record }])
    const kept = (await raw.get(key)) as string
    // Times without an offset were those of 5.2; what is sent is always the newer form.
    const [now, before] = [JSON.parse(kept), JSON.parse(text)]
    expect({ ...now, date_done: null }).toEqual({ ...before, date_done: null })
    expect(now.date_done === null).toBe(before.date_done === null)
    expect(await raw.pttl(key)).toBeGreaterThan(86_000_000)
    expect(await results.get([value.task_id])).toEqual([decodeResultRecord(kept)])
    await vi.waitFor(() => expect(told).toContain(`${key} ${kept}`), soon)
  }
})

test('nothing is stored over a success; anything else may follow', async () => {
  const results = await open()
  const states = ['STARTED', 'RETRY', 'FAILURE', 'SUCCESS', 'REVOKED', 'SUCCESS', 'STARTED']
  for (const [index, state] of states.entries()) await results.store([entryOf('t', state, index)])
  expect(await results.get(['t', 'unknown'])).toMatchObject([{ status: 'SUCCESS', result: 3 }, undefined])
  await results.store([entryOf('u', 'FAILURE', { note: 'the word "status": "SUCCESS" stands here', status: 'SUCCESS' })])
  await results.store([entryOf('u', 'SUCCESS', 1), entryOf('u', 'FAILURE', 2)])
  expect(await results.get(['u'])).toMatchObject([{ status: 'SUCCESS', result: 1 }])
})

test('a key that is no record is told by its name, and keeps no other from being stored', async () => {
  const results = await open()
  await raw.rpush('celery-task-meta-b', 'a list')
  const stored = ['a', 'b', 'c'].map((id) => results.store([entryOf(id, 'SUCCESS', id)]))
  const [first, second, third] = await Promise.allSettled(stored)
  expect([first?.status, third?.status]).toEqual(['fulfilled', 'fulfilled'])
  const message =
    /^\[store unavailable\] expected the key "celery-task-meta-b" to hold the record of a task, got: WRONGTYPE .*; delete it/
  expect(second).toMatchObject({ reason: { retryable: false, message: expect.stringMatching(message) } })
  expect(await results.get(['a', 'b', 'c'])).toMatchObject([{ result: 'a' }, undefined, { result: 'c' }])
  expect(await raw.lrange('celery-task-meta-b', 0, -1)).toEqual(['a list'])
})

test('a success that Redis cannot read is one still', async () => {
  const results = await open()
  const deep = `{"status": "SUCCESS", "result": ${'['.repeat(1100)}${']'.repeat(1100)}, "task_id": "t"}`
  await raw.set('celery-task-meta-t', deep)
  await results.store([entryOf('t', 'FAILURE')])
  expect(await raw.get('celery-task-meta-t')).toBe(deep)
})

test('without an expiry results stay, and what is forgotten is gone', async () => {
  const results = await open({ expiresMs: undefined, options: { global_keyprefix: 'shop' } })
  await results.store([entryOf('t', 'SUCCESS')])
  expect(await raw.ttl('shop_celery-task-meta-t')).toBe(-1)
  await results.forget(['t', 'other'])
  expect(await raw.keys('*')).toEqual([])
})

test.for(['yaml', 'msgpack'] as const)('records, parts and nestings may be in %s', async (serializer) => {
  const [results, worker] = [await open({ serializer }), await open({ serializer })]
  const value = { text: 'zwei ☘', list: [1, 2.5, null], big: 2 ** 40 }
  const told = results.wait('t')
  await vi.waitFor(async () => expect(await raw.pubsub('NUMSUB', 'celery-task-meta-t')).toEqual(['celery-task-meta-t', 1]), soon)
  await worker.store([entryOf('t', 'STARTED'), entryOf('t', 'SUCCESS', value)])
  await worker.store([entryOf('t', 'FAILURE', 'the word SUCCESS'), entryOf('u', 'FAILURE', { status: 'SUCCESS' })])
  await worker.store([entryOf('u', 'FAILURE', 'again')])
  expect(await told).toMatchObject({ status: 'SUCCESS', result: value })
  expect(await results.wait('t')).toMatchObject({ result: value })
  expect(await results.get(['t', 'u'])).toMatchObject([{ result: value }, { result: 'again' }])
  expect(String(await raw.get('celery-task-meta-t'))).not.toContain('{"')
  const { chords } = results
  const tuple = [['g', null], [[['m0', null], null]]] as const
  await chords?.begin('g', 2, tuple as never)
  const report = (index: number) => chords?.report({ group: 'g', index, id: `m${index}`, state: 'SUCCESS', result: value })
  expect(await report(1)).toBeUndefined()
  expect(await report(0)).toEqual([member('m0', value), member('m1', value)])
  expect(await chords?.nested('g')).toEqual(tuple)
})

test('a record in content that is not read fails the wait for it, stored or told, and is unknown to a look', async () => {
  const bad: Error[] = []
  const results = await open({ onBadRecord: (error) => void bad.push(error) })
  const pickle = Buffer.from('gASVDwAAAAAAAAB9lIwGc3RhdHVzlE5zLg==', 'base64')
  await raw.set('celery-task-meta-t', pickle)
  const message =
    'expected what is stored in json, as `result_serializer` says, got what looks like pickle, which is never read, as the result of task t'
  const refusal = expect.objectContaining({ code: 'PROTOCOL_INVALID', subject: 't', message: `[protocol invalid] ${message}` })
  await expect(results.wait('t')).rejects.toEqual(refusal)
  expect(await results.get(['t'])).toEqual([undefined])
  const told = results.wait('u').catch((error: unknown) => error)
  await vi.waitFor(async () => expect(await raw.pubsub('NUMSUB', 'celery-task-meta-u')).toEqual(['celery-task-meta-u', 1]), soon)
  await raw.publish('celery-task-meta-u', '{"status": "SUCCESS"}')
  expect(String(await told)).toContain('expected a result with `task_id` and `status`')
  expect(bad).toHaveLength(3)
})

test('one that cannot be written fails alone', async () => {
  const results = await open()
  const circle: unknown[] = []
  circle.push(circle)
  const [bad, good] = await Promise.allSettled([
    results.store([entryOf('bad', 'SUCCESS', circle)]),
    results.store([entryOf('good', 'SUCCESS')]),
  ])
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'INPUT_UNSERIALIZABLE' } })
  expect(good.status).toBe('fulfilled')
  expect(await raw.keys('*')).toEqual(['celery-task-meta-good'])
})

test('a wait hears of every state and ends with the last, whether it was stored before or comes later', async () => {
  const [results, worker] = [await open(), await open()]
  await worker.store([entryOf('early', 'SUCCESS', 'there')])
  expect(await results.wait('early')).toMatchObject({ result: 'there' })
  const states: string[] = []
  const late = results.wait('late', { onRecord: ({ status }) => void states.push(status) })
  const twice = results.wait('late')
  await vi.waitFor(
    async () => expect(await raw.pubsub('NUMSUB', 'celery-task-meta-late')).toEqual(['celery-task-meta-late', 1]),
    soon,
  )
  for (const state of ['STARTED', 'RETRY', 'FAILURE']) await worker.store([entryOf('late', state)])
  expect(await late).toMatchObject({ status: 'FAILURE' })
  expect(await twice).toMatchObject({ status: 'FAILURE' })
  expect(states).toEqual(['STARTED', 'RETRY', 'FAILURE'])
  await vi.waitFor(async () => expect(await raw.pubsub('CHANNELS', 'celery*')).toEqual([]), soon)
})

test('a wait ends at its time, and by its signal', async () => {
  const clock = manualClock()
  const results = await open({ clock })
  const timed = results.wait('t', { timeoutMs: 5000 }).catch((error: unknown) => error)
  const stopped = results.wait('t', { signal: AbortSignal.abort(new TypeError('enough')) }).catch((error: unknown) => error)
  expect(await stopped).toMatchObject({ message: 'enough' })
  await clock.advance('5s')
  expect(TaskError.is(await timed, 'WAIT_TIMEOUT')).toBe(true)
})

test('ten thousand waits use one connection, and all are answered', async () => {
  const [results, worker] = [await open(), await open()]
  const ids = Array.from({ length: 10_000 }, (_, index) => `t${index}`)
  const waits = ids.map((id) => results.wait(id))
  await Promise.all(ids.map((id) => worker.store([entryOf(id, 'SUCCESS', id)])))
  expect((await Promise.all(waits)).map(({ result }) => result)).toEqual(ids)
  // Two for each of the two backends, and the eyes of the test.
  expect(
    String(await raw.client('LIST'))
      .trim()
      .split('\n').length,
  ).toBe(5)
})

test('waits and stores outlast a crash of Redis', async () => {
  const [results, worker] = [await open(), await open()]
  const awaited = results.wait('t')
  await server.crash()
  const stored = worker.store([entryOf('t', 'SUCCESS', 'after all')])
  await server.restart()
  await stored
  expect(await awaited).toMatchObject({ result: 'after all' })
})

test('an address where no Redis is, and options that are none, are refused', async () => {
  const absent = await open({ url: 'redis://127.0.0.1:1' }).catch((error: unknown) => error)
  expect(LovageError.is(absent, 'STORE_UNAVAILABLE')).toBe(true)
  const wrong = await open({ options: { global_keyprefx: 'x' } as RedisResultsPlan['options'] }).catch((error: unknown) => error)
  expect((wrong as Error).message).toContain('did you mean `global_keyprefix`')
})

const member = (id: string, result: unknown): ChordMember => ({ id, state: 'SUCCESS', result })

test('the last part of a chord, and only that, gets all members in the order of the header', async () => {
  const { chords } = await open()
  await chords?.begin('g', 3)
  expect(await raw.get('celery-taskset-meta-g.s')).toBe('3')
  const report = (index: number) => chords?.report({ group: 'g', index, id: `m${index}`, state: 'SUCCESS', result: index })
  expect(await report(2)).toBeUndefined()
  expect(await report(0)).toBeUndefined()
  const parts = (await raw.call('ZRANGE', 'celery-taskset-meta-g.j', 0, -1, 'WITHSCORES')) as string[][]
  expect(parts.flat().map(String)).toEqual(['[1,"m0","SUCCESS",0]', '0', '[1,"m2","SUCCESS",2]', '2'])
  expect(await raw.pttl('celery-taskset-meta-g.j')).toBeGreaterThan(86_000_000)
  expect(await report(1)).toEqual([member('m0', 0), member('m1', 1), member('m2', 2)])
  await chords?.end('g')
  expect(await raw.keys('*')).toEqual([])
})

test('parts in the order in which they come, members without a place, extra members and unknown chords', async () => {
  const { chords } = await open({ options: { result_chord_ordered: false } })
  const part = (group: string, id: string) => ({ group, index: undefined, id, state: 'SUCCESS', result: id })
  await chords?.begin('list', 1)
  await raw.incr('celery-taskset-meta-list.t')
  expect(await chords?.report(part('list', 'z'))).toBeUndefined()
  expect(await chords?.report(part('list', 'a'))).toEqual([member('z', 'z'), member('a', 'a')])
  expect(await chords?.report(part('unknown', 'a'))).toBeUndefined()
  const ordered = await open()
  await ordered.chords?.begin('placeless', 2)
  await ordered.chords?.report(part('placeless', 'a'))
  expect(await ordered.chords?.report({ ...part('placeless', 'b'), index: 5 })).toEqual([member('b', 'b'), member('a', 'a')])
})

test('numbers in parts that JavaScript cannot hold are passed on as they came', async () => {
  const { chords } = await open()
  await chords?.begin('g', 2)
  await raw.zadd('celery-taskset-meta-g.j', 0, '[1, "python", "SUCCESS", [12345678901234567890, 1.0]]')
  const members = await chords?.report({ group: 'g', index: 1, id: 'ours', state: 'SUCCESS', result: 1 })
  expect(writePython(members?.map(({ result }) => result))).toBe('[[12345678901234567890,1.0],1]')
})

test('the nesting of a header is kept where Celery keeps a saved group', async () => {
  const { chords } = await open()
  const tuple = [
    ['g', null],
    [
      [['a', null], null],
      [['inner', null], [[['b', null], null]]],
    ],
  ] as const
  await chords?.begin('g', 2, tuple as never)
  expect(JSON.parse((await raw.get('celery-taskset-meta-g')) as string)).toEqual({ result: tuple })
  expect(await chords?.nested('g')).toEqual(tuple)
  expect(await chords?.nested('other')).toBeUndefined()
})
