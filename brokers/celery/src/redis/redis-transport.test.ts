/** The transport on a real Redis: what it leaves in its keys, what it takes, how it settles, what it hears. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { LovageError } from '@lovage/core'
import { startRedis } from '@lovage/services'
import { manualClock } from '@lovage/testing'
import { expect, onTestFinished, test, vi } from 'vitest'
import { publicationOf, queueOf, textOf } from '../fixtures/redis/messages.ts'
import { Recorder, redisRoom } from '../fixtures/redis/redis-room.ts'
import { systemClock } from '../system-clock.ts'
import { tlsOptions } from '../tls-options.ts'
import type { Arrival, Publication, Transport } from '../transport.ts'
import { readEnvelope } from './envelope.ts'
import { openRedisTransport } from './redis-transport.ts'

const room = await redisRoom()
const { raw } = room
const soon = { timeout: 15_000, interval: 10 }
const levels = ['celery', 'celery\x06\x163', 'celery\x06\x166', 'celery\x06\x169']

interface Step {
  readonly step: string
  readonly keys: Readonly<Record<string, { readonly value: unknown }>>
  readonly commands: readonly (readonly string[])[]
}
const file = new URL('../fixtures/redis/kombu-steps.json', import.meta.url)
const { steps } = JSON.parse(readFileSync(file, 'utf8')) as { steps: readonly Step[] }
const stepNamed = (part: string): Step => steps.find(({ step }) => step.includes(part)) as Step

/** An envelope as a value, but for the tag that is new each time. */
function withoutTag(envelope: string): unknown {
  const { properties, ...others } = JSON.parse(envelope)
  return { ...others, properties: { ...properties, delivery_tag: '' } }
}

async function consume(transport: Transport, prefetch: number, ...queues: readonly string[]) {
  const recorder = new Recorder()
  const names = queues.length === 0 ? ['celery'] : queues
  const inflow = await transport.consume({ queues: names.map(queueOf), prefetch }, recorder)
  return { recorder, inflow }
}

test('what is published stands in Redis as kombu would have it, priority by priority', async () => {
  const transport = await room.open()
  await transport.declare(queueOf('celery'))
  for (const { commands } of [stepNamed('publish add'), stepNamed('publish priorities')]) {
    for (const [name, , envelope] of commands)
      if (name === 'LPUSH') await transport.publish([readEnvelope(envelope as string) as Arrival])
  }
  const captured = stepNamed('publish priorities').keys
  expect(await raw.smembers('_kombu.binding.celery')).toEqual(captured['_kombu.binding.celery']?.value)
  for (const level of levels) {
    const expected = (captured[level]?.value ?? []) as readonly string[]
    expect((await raw.lrange(level, 0, -1)).map(withoutTag)).toEqual(expected.map(withoutTag))
  }
})

test('what is taken stands in unacked as kombu would have it', async () => {
  const { commands } = stepNamed('late running')
  const [push, index, entry] = ['LPUSH', 'ZADD', 'HSET'].map(
    (name) => commands.find(([each]) => each === name) as readonly string[],
  )
  await raw.lpush('celery', push?.[2] as string)
  const transport = await room.open({}, { clock: manualClock(Number(index?.[2]) * 1000) })
  const { recorder } = await consume(transport, 1)
  const arrival = await recorder.next()
  expect(arrival).toMatchObject({ queue: 'celery', exchange: '', routingKey: 'celery', redelivered: false })
  expect(arrival.properties.headers).toMatchObject({ task: 'demo.late' })
  const tag = entry?.[2] as string
  expect(JSON.parse((await raw.hget('unacked', tag)) ?? '')).toEqual(JSON.parse(entry?.[3] as string))
  expect(Number(await raw.zscore('unacked_index', tag))).toBe(Math.ceil(Number(index?.[2])))
})

test('what a dead worker left is restored after the visibility timeout as kombu would restore it', async () => {
  const { keys } = stepNamed('late running')
  const [tag, entry] = Object.entries(keys.unacked?.value as Record<string, string>)[0] as [string, string]
  const [[, score]] = (keys.unacked_index as Step['keys'][string]).value as [[string, number]]
  await raw.hset('unacked', tag, entry)
  await raw.zadd('unacked_index', score, tag)
  const clock = manualClock(score * 1000 + 1000)
  const transport = await room.open({ visibility_timeout: 6 }, { clock })
  await consume(transport, 1, 'another')
  await clock.advance('6s')
  await vi.waitFor(async () => {
    await clock.advance('2s')
    expect(await raw.llen('celery')).toBe(1)
  }, soon)
  const push = stepNamed('restores').commands.find(([name]) => name === 'RPUSH') as readonly string[]
  expect(JSON.parse((await raw.lrange('celery', 0, 0))[0] as string)).toEqual(JSON.parse(push[2] as string))
  await vi.waitFor(async () => expect(await raw.exists('unacked', 'unacked_index', 'unacked_mutex')).toBe(0), soon)
})

test('a message in hand is refreshed for as long as it takes: nobody restores it, and it is settled in the end', async () => {
  const clock = manualClock()
  const [holder, other] = [await room.open({}, { clock }), await room.open({}, { clock })]
  await holder.publish([publicationOf('a long one')])
  const { recorder } = await consume(holder, 1)
  const arrival = await recorder.next()
  const { recorder: others } = await consume(other, 1)
  for (let hour = 0; hour < 12; hour++) {
    const before = Number(await raw.zscore('unacked_index', (await raw.hkeys('unacked'))[0] as string))
    for (let quarter = 0; quarter < 4; quarter++) {
      await clock.advance('15m')
      const time = clock.now() / 1000
      await vi.waitFor(async () => {
        const score = Number(await raw.zscore('unacked_index', (await raw.hkeys('unacked'))[0] as string))
        expect(time - score).toBeLessThanOrEqual(1000)
      }, soon)
    }
    const after = Number(await raw.zscore('unacked_index', (await raw.hkeys('unacked'))[0] as string))
    expect(after).toBeGreaterThan(before)
  }
  expect(others.all).toEqual([])
  expect(await arrival.settle('ack')).toBe(true)
  expect(await raw.exists('unacked', 'unacked_index', 'celery')).toBe(0)
})

test('urgent levels come first, queues of a level in turn, and never more than the prefetch', async () => {
  const transport = await room.open()
  const to = (queue: string, text: string, priority = 0): Publication => publicationOf(text, { routingKey: queue, priority })
  await transport.publish(['a1', 'a2', 'a3', 'a4'].map((text) => to('a', text)))
  await transport.publish([to('b', 'b1'), to('b', 'b2'), to('b', 'b-low', 9), to('a', 'a-middle', 4)])
  const { recorder, inflow } = await consume(transport, 3, 'a', 'b')
  const first = await recorder.some(3)
  expect(first.map(textOf)).toEqual(['a1', 'b1', 'a2'])
  expect(await raw.hlen('unacked')).toBe(3)
  for (const arrival of first) await arrival.settle('ack')
  const second = await recorder.some(3)
  expect(new Set(second.map(textOf))).toEqual(new Set(['b2', 'a3', 'a4']))
  inflow.setPrefetch(0)
  expect((await recorder.some(2)).map(textOf)).toEqual(['a-middle', 'b-low'])
})

test('acks and rejections are gone, a requeue comes again behind the others with its level and marks', async () => {
  const transport = await room.open()
  await transport.publish([publicationOf('acked', { priority: 6 }), publicationOf('rejected', { priority: 6 })])
  await transport.publish([publicationOf('requeued', { priority: 6 }), publicationOf('later', { priority: 6 })])
  const { recorder, inflow } = await consume(transport, 3)
  const [acked, rejected, requeued] = await recorder.some(3)
  inflow.pause()
  expect(await Promise.all([acked?.settle('ack'), rejected?.settle('reject'), requeued?.settle('requeue')])).toEqual([
    true,
    true,
    true,
  ])
  expect(await raw.exists('unacked', 'unacked_index')).toBe(0)
  const [back, waiting] = (await raw.lrange('celery\x06\x166', 0, -1)).map((text) => JSON.parse(text))
  expect(waiting.headers.redelivered).toBeUndefined()
  expect(back.headers).toEqual({ id: 'requeued', task: 'demo', redelivered: true })
  expect(back.properties.delivery_info.redelivered).toBe(true)
  inflow.resume()
  expect((await recorder.some(2)).map((each) => [textOf(each), each.redelivered])).toEqual([
    ['later', false],
    ['requeued', true],
  ])
  await expect(requeued?.settle('ack')).rejects.toMatchObject({ code: 'SETTLED_TWICE' })
})

test('numbers that JavaScript cannot hold survive a requeue', async () => {
  const transport = await room.open()
  await transport.publish([publicationOf('x')])
  const exact = (await raw.rpop('celery'))?.replace('"demo"', '"demo","big":12345678901234567890,"real":1.0,"none":NaN')
  await raw.lpush('celery', exact as string)
  const { recorder, inflow } = await consume(transport, 1)
  const arrival = await recorder.next()
  inflow.pause()
  await arrival.settle('requeue')
  expect(await raw.lindex('celery', 0)).toContain('"big":12345678901234567890,"real":1.0,"none":NaN')
})

test('closing gives back what was not settled, the oldest next in line, and leaves no key of its own', async () => {
  const transport = await room.open()
  await transport.publish(['1', '2', '3', '4'].map((text) => publicationOf(text)))
  const { recorder, inflow } = await consume(transport, 3)
  await recorder.some(3)
  await inflow.close()
  const list = (await raw.lrange('celery', 0, -1)).map((text) => textOf(readEnvelope(text) as Arrival))
  expect(list).toEqual(['4', '3', '2', '1'])
  expect((await raw.keys('*')).sort()).toEqual(['_kombu.binding.celery', 'celery'])
})

test('a pause stops deliveries until it ends, and a cancelled queue delivers no more', async () => {
  const transport = await room.open()
  const { recorder, inflow } = await consume(transport, 0, 'a', 'b')
  inflow.pause()
  await transport.publish([publicationOf('1', { routingKey: 'a' })])
  await inflow.cancel('b')
  expect(recorder.all).toEqual([])
  inflow.resume()
  expect(textOf(await recorder.next())).toBe('1')
  await transport.publish([publicationOf('2', { routingKey: 'b' }), publicationOf('3', { routingKey: 'a' })])
  expect(textOf(await recorder.next())).toBe('3')
  await inflow.add(queueOf('b'))
  expect(textOf(await recorder.next())).toBe('2')
})

test('one message in two queues is two messages, even under one tag', async () => {
  const transport = await room.open()
  const both = ['left', 'right'].map((name) => ({ ...queueOf(name), exchange: 'shared', routingKey: 'key' }))
  for (const queue of both) await transport.declare(queue)
  await transport.publish([publicationOf('twin', { exchange: 'shared', routingKey: 'key' })])
  const recorder = new Recorder()
  await transport.consume({ queues: both, prefetch: 0 }, recorder)
  const [one, two] = await recorder.some(2)
  expect([one?.queue, two?.queue].sort()).toEqual(['left', 'right'])
  expect(await raw.hlen('unacked')).toBe(2)
  expect(await one?.settle('ack')).toBe(true)
  expect(await raw.hlen('unacked')).toBe(1)
  expect(await two?.settle('ack')).toBe(true)
})

test('a topic exchange of tasks leads to the queues whose patterns match', async () => {
  const transport = await room.open()
  const topic = (name: string, routingKey: string) => ({
    ...queueOf(name),
    exchange: 'logs',
    exchangeType: 'topic' as const,
    routingKey,
  })
  for (const queue of [topic('errors', '*.error'), topic('all', '#'), topic('web', 'web.info')]) await transport.declare(queue)
  await transport.publish([publicationOf('x', { exchange: 'logs', routingKey: 'web.error' })])
  expect([await raw.llen('errors'), await raw.llen('all'), await raw.llen('web')]).toEqual([1, 1, 0])
})

test('what is no message of kombu is handed over as bytes and stays in no key', async () => {
  const transport = await room.open()
  await raw.lpush('celery', 'nonsense', '{"body": 1}', '[]')
  await transport.publish([publicationOf('good')])
  const { recorder } = await consume(transport, 2)
  const [first, second] = await recorder.some(2)
  expect(first?.properties.contentType).toBe('application/data')
  expect(textOf(first as Arrival)).toBe('nonsense')
  await first?.settle('reject')
  await second?.settle('reject')
  expect(textOf(await recorder.next())).toBe('[]')
  expect(textOf(await recorder.next())).toBe('good')
  expect(await raw.hlen('unacked')).toBe(1)
})

const odd: readonly [what: string, change: (message: Record<string, Record<string, unknown>>) => unknown][] = [
  ['a tag that is no uuid', ({ properties, ...others }) => ({ ...others, properties: { ...properties, delivery_tag: 'ü "1"' } })],
  [
    'words of the envelope in a header',
    ({ headers, ...others }) => ({ ...others, headers: { ...headers, delivery_tag: 'not it' } }),
  ],
  [
    'a routing key with braces',
    ({ properties, ...others }) => ({
      ...others,
      properties: { ...properties, delivery_info: { exchange: '', routing_key: 'a}"b{{' } },
    }),
  ],
]

test.each(odd)('%s is taken like any other, and can be restored', async (_what, change) => {
  const transport = await room.open()
  await transport.publish([publicationOf('x')])
  const message = change(JSON.parse((await raw.rpop('celery')) as string))
  await raw.lpush('celery', JSON.stringify(message))
  const { recorder } = await consume(transport, 1)
  const arrival = await recorder.next()
  const { properties } = message as { properties: { delivery_tag: string; delivery_info: { routing_key: string } } }
  const entry = (await raw.hget('unacked', properties.delivery_tag)) as string
  expect(JSON.parse(entry)).toEqual([message, '', properties.delivery_info.routing_key])
  expect(await arrival.settle('ack')).toBe(true)
  expect(await raw.exists('unacked', 'unacked_index')).toBe(0)
})

test('what only looks like a message of kombu does not stay where others would stumble over it', async () => {
  const transport = await room.open()
  await transport.publish([publicationOf('x')])
  const text = (await raw.rpop('celery')) as string
  await raw.lpush('celery', text.replace('"headers"', '"headers'))
  const { recorder } = await consume(transport, 1)
  expect((await recorder.next()).properties.contentType).toBe('application/data')
  await vi.waitFor(async () => expect(await raw.exists('unacked', 'unacked_index')).toBe(0), soon)
})

test('several workers share a queue: every message is run by one of them', async () => {
  const [a, b] = [await room.open(), await room.open()]
  const taken: string[] = []
  const work = async (transport: Transport): Promise<void> => {
    await transport.consume(
      { queues: [queueOf('celery')], prefetch: 3 },
      {
        deliver(arrivals) {
          for (const arrival of arrivals) {
            taken.push(textOf(arrival))
            void arrival.settle('ack')
          }
        },
        lost() {},
      },
    )
  }
  await work(a)
  await work(b)
  const texts = Array.from({ length: 500 }, (_, index) => String(index))
  await Promise.all(texts.map((text) => a.publish([publicationOf(text)])))
  await vi.waitFor(() => expect(taken.length).toBe(500), soon)
  expect([...taken].sort()).toEqual([...texts].sort())
  await vi.waitFor(async () => expect(await raw.exists('unacked', 'unacked_index', 'celery')).toBe(0), soon)
})

test('passwords, TLS and sockets of the machine lead in; without them the way is barred, in words', async () => {
  const server = await startRedis({ password: 'p@ss word', tls: true })
  onTestFinished(() => server.stop())
  const open = (url: string) => openRedisTransport({ url, clock: systemClock })
  const good = `${server.url}/2?ssl_cert_reqs=required&ssl_ca_certs=${server.certificate}`
  const lax = `${server.url}/2?ssl_cert_reqs=none`
  for (const url of [good, lax, `redis+socket://:p%40ss%20word@${server.socket}?virtual_host=2`]) {
    const transport = await open(url)
    await transport.publish([publicationOf(url)])
    await transport.close()
  }
  const certain = tlsOptions({ ssl_ca_certs: server.certificate })
  const plain = `${server.url.replace('rediss:', 'redis:')}/2`
  await (await openRedisTransport({ url: plain, clock: systemClock, tls: certain })).close()
  const bad = [plain, `${server.url}/2`, good.replace('p%40ss', 'wrong'), good.replace(/:[^:@]*@/, ''), 'redis://127.0.0.1:1']
  for (const url of bad) {
    const error = await open(url).catch((thrown: unknown) => thrown)
    expect(LovageError.is(error, 'STORE_UNAVAILABLE')).toBe(true)
    expect((error as Error).message).toMatch(/expected Redis at rediss?:\/\/127\.0\.0\.1/)
    expect((error as Error).message).not.toMatch(/wrong|p%40ss|p@ss/)
  }
})

test('a database that is not there is refused, instead of working on another', async () => {
  const error = await openRedisTransport({ url: room.url.replace('/9', '/99'), clock: systemClock }).catch(
    (thrown: unknown) => thrown,
  )
  expect(LovageError.is(error, 'OPTION_INVALID')).toBe(true)
  expect((error as Error).message).toMatch(/^\[option invalid\] expected a database that this Redis has, got: 99 /)
})

test('something that takes connections and never answers is no Redis', async () => {
  const mute = createServer(() => {}).listen(0, '127.0.0.1')
  onTestFinished(() => void mute.close())
  await once(mute, 'listening')
  const { port } = mute.address() as AddressInfo
  const opened = openRedisTransport({
    url: `redis://127.0.0.1:${port}`,
    clock: systemClock,
    options: { socket_connect_timeout: 0.2 },
  })
  await expect(opened).rejects.toThrow(/^\[store unavailable\] expected Redis at redis:\/\/127\.0\.0\.1:\d+, got: Socket timeout/)
})

test('a key that is no list is told once, and asked again from time to time', async () => {
  await raw.set('celery', 'what is this')
  const clock = manualClock()
  const transport = await room.open({}, { clock })
  const told: string[] = []
  const lost = new Promise<void>((resolve) => {
    transport.watch({ lost: (error) => resolve(void told.push(error.message)), back: () => void told.push('back') })
  })
  const recorder = new Recorder()
  await transport.consume({ queues: [queueOf('celery')], prefetch: 4 }, recorder)
  await lost
  await raw.del('celery')
  await transport.publish([publicationOf('at last')])
  expect(textOf(await recorder.next())).toBe('at last')
  expect(told).toEqual([expect.stringContaining('expected the key "celery" of a queue to be a list, got: a string'), 'back'])
})
