/** Our transport and results beside Python's on one Redis: each takes what the other sent, restored or told. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type CeleryWorkerOptions, startCeleryClient, startCeleryWorker } from '@lovage/services'
import { expect, onTestFinished, test, vi } from 'vitest'
import { publicationOf, queueOf, textOf } from '../fixtures/redis/messages.ts'
import { Recorder, redisRoom } from '../fixtures/redis/redis-room.ts'
import { systemClock } from '../system-clock.ts'
import type { Arrival, Publication } from '../transport.ts'
import { openRedisResults, type RedisResultsPlan } from './redis-results.ts'

const room = await redisRoom()
const { raw, url } = room
const soon = { timeout: 30_000, interval: 20 }
const long = { timeout: 60_000 }
const file = new URL('../fixtures/demo.py', import.meta.url).pathname

type Settings = CeleryWorkerOptions['settings']

function appOf(settings: Settings = {}) {
  return { file, broker: url, backend: url, settings }
}

async function client(settings?: Settings) {
  const started = await startCeleryClient(appOf(settings))
  onTestFinished(() => started.stop())
  return started
}

async function worker(name: string, settings?: Settings, words?: readonly string[]) {
  const started = await startCeleryWorker({ ...appOf(settings), name, ...(words === undefined ? {} : { words }) })
  onTestFinished(() => started.crash())
  return started
}

async function results(plan: Partial<RedisResultsPlan> = {}) {
  const given = { url, clock: systemClock, replyTo: 'me', expiresMs: 86_400_000, onBadRecord() {}, ...plan }
  const opened = await openRedisResults(given)
  onTestFinished(() => opened.close())
  return opened
}

/** The least that a Python worker runs. */
function taskOf(name: string, id: string, args: readonly unknown[]): Publication {
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8', headers: { task: name, id }, correlationId: id }
  return { exchange: '', routingKey: 'celery', properties, body: Buffer.from(JSON.stringify([args, {}, {}])) }
}

test('what Python sends is taken, level by level, and read as it was meant', long, async () => {
  const python = await client()
  const send = 'return [add.apply_async((n, n), priority=p).id for n, p in given]'
  const sent = await python.run(send, [
    [1, 9],
    [2, 4],
    [3, 0],
  ])
  await python.run('add.apply_async((4, 4), queue="other", compression="gzip"); return None')
  const transport = await room.open()
  const recorder = new Recorder()
  await transport.consume({ queues: [queueOf('celery'), queueOf('other')], prefetch: 0 }, recorder)
  const arrivals = await recorder.some(4)
  const ids = arrivals.filter(({ queue }) => queue === 'celery').map(({ properties }) => properties.headers.id)
  expect(ids).toEqual([...(sent as readonly string[])].reverse())
  expect(arrivals.map(({ queue, properties }) => [queue, properties.priority])).toContainEqual(['other', 0])
  expect(textOf(arrivals[0] as Arrival)).toMatch(/^\[\[3, 3\], \{\}, /)
  for (const arrival of arrivals) expect(await arrival.settle('ack')).toBe(true)
  expect(await raw.exists('unacked', 'unacked_index')).toBe(0)
})

test('what we send is run by Python, and its results are awaited here; ours are read there', long, async () => {
  await worker('w@here')
  const [transport, backend, python] = [await room.open(), await results(), await client()]
  const ids = Array.from({ length: 20 }, (_, index) => `ours-${index}`)
  const waits = ids.map((id) => backend.wait(id))
  await transport.publish(ids.map((id, index) => taskOf('demo.add', id, [index, 1])))
  expect((await Promise.all(waits)).map(({ result }) => result)).toEqual(ids.map((_, index) => index + 1))
  await transport.publish([taskOf('demo.fail', 'failing', [])])
  expect(await backend.wait('failing')).toMatchObject({
    status: 'FAILURE',
    result: { exc_type: 'ValueError', exc_message: ['boom', 42] },
  })
  await backend.store([{ record: { taskId: 'from here', status: 'SUCCESS', result: { n: 1 }, doneAtMs: Date.now() } }])
  expect(await python.run('return app.AsyncResult("from here").get(timeout=10)')).toEqual({ n: 1 })
  const late = python.run('return app.AsyncResult("later").get(timeout=20)')
  await vi.waitFor(async () => expect(await raw.pubsub('CHANNELS', '*later')).toHaveLength(1), soon)
  await backend.store([{ record: { taskId: 'later', status: 'SUCCESS', result: 'heard', doneAtMs: Date.now() } }])
  expect(await late).toBe('heard')
})

test('what we requeue is taken by Python, marked as delivered before', long, async () => {
  const transport = await room.open()
  const recorder = new Recorder()
  const inflow = await transport.consume({ queues: [queueOf('celery')], prefetch: 1 }, recorder)
  await transport.publish([taskOf('demo.add', 'again', [1, 2])])
  const arrival = await recorder.next()
  inflow.pause()
  expect(await arrival.settle('requeue')).toBe(true)
  const python = await client()
  const take = `
with app.connection_for_read() as connection:
    message = connection.SimpleQueue('celery').get(timeout=10)
    message.ack()
    return [message.headers['redelivered'], message.delivery_info['redelivered'], message.payload[0]]`
  expect(await python.run(take)).toEqual([true, true, [1, 2]])
  expect(await raw.exists('unacked', 'unacked_index')).toBe(0)
})

test('what a killed Python worker held is restored by us', long, async () => {
  const settings = { broker_transport_options: { visibility_timeout: 2 }, worker_prefetch_multiplier: 1 }
  const python = await worker('killed@here', settings)
  const transport = await room.open({ visibility_timeout: 2 })
  await transport.publish([taskOf('demo.late', 'held', [60])])
  await vi.waitFor(async () => expect(await raw.hlen('unacked')).toBe(1), soon)
  await python.crash()
  const recorder = new Recorder()
  await transport.consume({ queues: [queueOf('celery')], prefetch: 1 }, recorder)
  const arrival = await recorder.next()
  expect([arrival.properties.headers.id, arrival.redelivered]).toEqual(['held', true])
})

const restoreByPython = `
with app.connection_for_read() as connection:
    connection.default_channel.qos.restore_visible()
    return connection.default_channel.client.llen('celery')`

test('Python restores what our killed process held, and not before', long, async () => {
  const python = await client({ broker_transport_options: { visibility_timeout: 2 } })
  const transport = await room.open()
  await transport.publish([publicationOf('held')])
  const program = new URL('../fixtures/redis/holding-worker.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, url, '2'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const [tag = ''] = await raw.hkeys('unacked')
  const taken = Number(await raw.zscore('unacked_index', tag))
  await vi.waitFor(async () => {
    expect(await python.run(restoreByPython)).toBe(0)
    expect(Number(await raw.zscore('unacked_index', tag)) - taken).toBeGreaterThan(3)
  }, soon)
  child.kill('SIGKILL')
  await vi.waitFor(async () => expect(await python.run(restoreByPython)).toBe(1), soon)
  const recorder = new Recorder()
  await transport.consume({ queues: [queueOf('celery')], prefetch: 1 }, recorder)
  expect((await recorder.next()).redelivered).toBe(true)
})

test('commands, replies and events are heard both ways', long, async () => {
  await worker('w@here', {}, ['-E', '--without-mingle'])
  const [transport, python] = [await room.open(), await client()]
  const heard = new Map<string, string[]>()
  const hear = (place: string) => (arrival: Arrival) => {
    heard.set(place, [...(heard.get(place) ?? []), textOf(arrival)])
  }
  const pidbox = { exchange: 'celery.pidbox', exchangeType: 'fanout', exchangeDurable: false, routingKeys: [''] } as const
  const replies = {
    exchange: 'reply.celery.pidbox',
    exchangeType: 'direct',
    exchangeDurable: false,
    routingKeys: ['me'],
  } as const
  const events = { exchange: 'celeryev', exchangeType: 'topic', exchangeDurable: true, routingKeys: ['worker.#'] } as const
  await transport.listen({ name: 'ours@here.celery.pidbox', binding: pidbox, expiresMs: 10_000 }, hear('commands'))
  await transport.listen({ name: 'me.reply.celery.pidbox', binding: replies, expiresMs: 10_000 }, hear('replies'))
  await transport.listen({ name: 'celeryev.ours', binding: events, expiresMs: 10_000 }, hear('events'))
  await python.run('app.control.broadcast("enable_events"); return None')
  await vi.waitFor(() => expect(heard.get('commands')?.[0]).toContain('enable_events'), soon)
  await vi.waitFor(() => expect(heard.get('events')?.[0]).toContain('worker-heartbeat'), soon)
  const request = {
    method: 'ping',
    arguments: {},
    destination: null,
    ticket: 't1',
    reply_to: { exchange: replies.exchange, routing_key: 'me' },
  }
  transport.tell(pidbox, publicationOf(JSON.stringify(request), { exchange: pidbox.exchange, routingKey: '' }))
  await vi.waitFor(
    () => expect(heard.get('replies')?.map((text) => JSON.parse(text))).toEqual([{ 'w@here': { ok: 'pong' } }]),
    soon,
  )
  const capturing = python.run(capture)
  const event = { type: 'worker-heartbeat', hostname: 'ours@here', timestamp: 1, clock: 1, utcoffset: 0, pid: 1, freq: 2 }
  await vi.waitFor(async () => expect(await raw.pubsub('NUMPAT')).toBe(3), soon)
  transport.tell(events, publicationOf(JSON.stringify(event), { exchange: 'celeryev', routingKey: 'worker.heartbeat' }))
  expect(await capturing).toBe('worker-heartbeat of ours@here')
})

const capture = `
import socket
found = []
def hear(event):
    if event['hostname'] == 'ours@here':
        found.append(event['type'] + ' of ' + event['hostname'])
        receiver.should_stop = True
with app.connection_for_read() as connection:
    receiver = app.events.Receiver(connection, handlers={'*': hear})
    receiver.capture(limit=None, timeout=20, wakeup=False)
return found[0]`

test('other steps and a key prefix mean the same to both', long, async () => {
  const options = { global_keyprefix: 'shop.', priority_steps: [0, 5], sep: ':' }
  const python = await client({ broker_transport_options: options })
  const transport = await room.open(options)
  await python.run('add.apply_async((1, 1), priority=7); return None')
  const recorder = new Recorder()
  const inflow = await transport.consume({ queues: [queueOf('celery')], prefetch: 1 }, recorder)
  expect(await (await recorder.next()).settle('ack')).toBe(true)
  await inflow.close()
  await transport.publish([taskOf('demo.add', 'back', [1, 2])])
  const take = 'with app.connection_for_read() as c: return c.SimpleQueue("celery").get(timeout=10).headers["id"]'
  expect(await python.run(take)).toBe('back')
  expect((await raw.keys('*')).every((key) => key.startsWith('shop.'))).toBe(true)
})

test('results in other content are read on both sides, and a success stays one', long, async () => {
  const python = await client()
  for (const serializer of ['msgpack', 'yaml'] as const) {
    const backend = await results({ serializer })
    const values = { text: 'zwei ☘', list: [1, 2.5, null, true], big: 2 ** 40, time: '2025-01-02T03:04:05' }
    const lines = [
      'from celery import Celery',
      `other = Celery(backend='${url}')`,
      `other.conf.update(result_serializer='${serializer}', accept_content=['${serializer}'])`,
    ].join('\n')
    await python.run(`${lines}\nother.backend.store_result('theirs', given, 'SUCCESS'); return None`, values)
    expect(await backend.wait('theirs')).toMatchObject({ result: values })
    await backend.store([{ record: { taskId: 'theirs', status: 'FAILURE', result: null } }])
    await backend.store([{ record: { taskId: 'ours', status: 'SUCCESS', result: values, children: [], doneAtMs: Date.now() } }])
    const read = "[other.AsyncResult(id).get(timeout=20) for id in ('theirs', 'ours')]"
    expect(await python.run(`${lines}\nother.backend.store_result('ours', 0, 'SUCCESS'); return ${read}`)).toEqual([
      values,
      values,
    ])
    await raw.flushall()
  }
})
