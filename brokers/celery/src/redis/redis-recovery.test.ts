/** The transport on a Redis that crashes, forgets, is cut off or answers into the void, and beside workers that are killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { manualClock } from '@lovage/testing'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cutProxy } from '../fixtures/redis/cut-proxy.ts'
import { publicationOf, queueOf, textOf } from '../fixtures/redis/messages.ts'
import { Recorder, type RedisRoom, redisRoom } from '../fixtures/redis/redis-room.ts'
import type { Transport } from '../transport.ts'

const durable = await redisRoom({ durable: true })
const forgetful = await redisRoom()
const soon = { timeout: 15_000, interval: 10 }

async function consume(transport: Transport, prefetch: number) {
  const recorder = new Recorder()
  return { recorder, inflow: await transport.consume({ queues: [queueOf('celery')], prefetch }, recorder) }
}

/** Tells of the connection in words. */
function watched(transport: Transport): readonly string[] {
  const told: string[] = []
  transport.watch({ lost: (error) => void told.push(error.message), back: () => void told.push('back') })
  return told
}

/** A transport behind a network that can be cut. */
async function behindProxy({ server, open }: RedisRoom) {
  const proxy = await cutProxy(server.port)
  onTestFinished(() => proxy.stop())
  return { proxy, transport: await open({}, { url: `redis://127.0.0.1:${proxy.port}/9` }) }
}

test('after a crash of Redis everything is in place again, and what was asked meanwhile is done', async () => {
  const { raw, server, open } = durable
  const transport = await open()
  const told = watched(transport)
  await transport.publish([publicationOf('in hand'), publicationOf('settled meanwhile')])
  const { recorder } = await consume(transport, 2)
  const [inHand, meanwhile] = await recorder.some(2)
  const heard: string[] = []
  const pidbox = { exchange: 'celery.pidbox', exchangeType: 'fanout', exchangeDurable: false, routingKeys: [''] } as const
  await transport.listen(
    { name: 'w@h.celery.pidbox', binding: pidbox, expiresMs: 1 },
    (arrival) => void heard.push(textOf(arrival)),
  )
  await server.crash()
  await vi.waitFor(() => expect(told.length).toBe(1), soon)
  const settled = meanwhile?.settle('ack')
  const sent = transport.publish([publicationOf('sent meanwhile')])
  transport.tell(pidbox, publicationOf('told meanwhile', { exchange: 'celery.pidbox', routingKey: '' }))
  await server.restart()
  await sent
  expect(await settled).toBe(true)
  expect(textOf(await recorder.next())).toBe('sent meanwhile')
  await vi.waitFor(() => expect(heard).toEqual(['told meanwhile']), soon)
  expect(told).toEqual([expect.stringMatching(/^\[store unavailable\] expected Redis at redis:/), 'back'])
  expect(await inHand?.settle('ack')).toBe(true)
  expect(await raw.hlen('unacked')).toBe(1)
})

test('a Redis that forgot everything is told again what is in hand, and where queues are bound', async () => {
  const { raw, server, open } = forgetful
  const transport = await open()
  const told = watched(transport)
  await transport.publish([publicationOf('kept')])
  const { recorder } = await consume(transport, 1)
  const kept = await recorder.next()
  const [before] = Object.values(await raw.hgetall('unacked'))
  await server.crash()
  await server.restart()
  await vi.waitFor(() => expect(told).toContain('back'), soon)
  expect(JSON.parse(Object.values(await raw.hgetall('unacked'))[0] as string)).toEqual(JSON.parse(before as string))
  expect(await raw.zcard('unacked_index')).toBe(1)
  expect(await kept.settle('requeue')).toBe(true)
  expect((await recorder.next()).redelivered).toBe(true)
})

test('a Redis that fell back to before a message was taken does not hand it out twice', async () => {
  const { raw, server, open } = forgetful
  const transport = await open()
  const told = watched(transport)
  await transport.publish([publicationOf('once')])
  const list = await raw.lindex('celery', 0)
  const { recorder } = await consume(transport, 2)
  const once = await recorder.next()
  await server.crash()
  await server.restart()
  // Quicker than the transport, which comes back through one more connection, or later, when it takes it for its own.
  await raw.lpush('celery', list as string)
  await vi.waitFor(() => expect(told).toContain('back'), soon)
  await transport.publish([publicationOf('next')])
  expect(textOf(await recorder.next())).toBe('next')
  expect(recorder.texts).toEqual(['once', 'next'])
  expect(await once.settle('ack')).toBe(true)
  expect(await raw.llen('celery')).toBe(0)
})

test('what was sent when the connection broke is there once, whether it had arrived or not', async () => {
  const { proxy, transport } = await behindProxy(durable)
  proxy.swallow()
  const sent = transport.publish([publicationOf('one'), publicationOf('two')])
  await proxy.swallowed()
  expect(await durable.raw.llen('celery')).toBe(2)
  proxy.cut()
  await sent
  expect(await durable.raw.llen('celery')).toBe(2)
})

test('what was taken when the connection broke is delivered once it is back', async () => {
  const { proxy, transport } = await behindProxy(durable)
  await transport.publish([publicationOf('first'), publicationOf('second')])
  const { recorder } = await consume(transport, 1)
  const first = await recorder.next()
  // With the answer to the ack, that to the question for more gets lost.
  proxy.swallow()
  const settled = first.settle('ack')
  await vi.waitFor(async () => {
    expect(await durable.raw.llen('celery')).toBe(0)
    expect(await durable.raw.hlen('unacked')).toBe(1)
  }, soon)
  proxy.cut()
  expect(await settled).toBe(true)
  const second = await recorder.next()
  expect([textOf(second), second.redelivered]).toEqual(['second', false])
  expect(await second.settle('ack')).toBe(true)
  expect(await durable.raw.exists('unacked', 'unacked_index', 'celery')).toBe(0)
})

test('an ack whose answer was lost counts', async () => {
  const { proxy, transport } = await behindProxy(durable)
  await transport.publish([publicationOf('x')])
  const { recorder } = await consume(transport, 1)
  const arrival = await recorder.next()
  proxy.swallow()
  const settled = arrival.settle('ack')
  await vi.waitFor(async () => expect(await durable.raw.hlen('unacked')).toBe(0), soon)
  proxy.cut()
  expect(await settled).toBe(true)
})

test('a message that others took for abandoned and put back is recognised, and not delivered twice', async () => {
  const { raw, open } = durable
  const transport = await open()
  await transport.publish([publicationOf('mine')])
  const { recorder } = await consume(transport, 2)
  const mine = await recorder.next()
  const [tag] = await raw.hkeys('unacked')
  const [message] = JSON.parse((await raw.hget('unacked', tag as string)) as string)
  await raw
    .multi()
    .zrem('unacked_index', tag as string)
    .hdel('unacked', tag as string)
    .rpush('celery', JSON.stringify(message))
    .exec()
  await transport.publish([publicationOf('next')])
  expect(textOf(await recorder.next())).toBe('next')
  expect(recorder.texts).toEqual(['mine', 'next'])
  expect(await mine.settle('ack')).toBe(true)
  expect(await raw.hlen('unacked')).toBe(1)
})

test('a message that others took for abandoned and run themselves cannot be settled any more', async () => {
  const { raw, open } = durable
  const transport = await open()
  await transport.publish([publicationOf('theirs')])
  const { recorder } = await consume(transport, 1)
  const arrival = await recorder.next()
  await raw.del('unacked', 'unacked_index')
  expect(await arrival.settle('ack')).toBe(false)
})

test('our own messages are never restored by us, however late their refresh is', async () => {
  const { raw, open } = durable
  const clock = manualClock()
  const transport = await open({}, { clock })
  await transport.publish([publicationOf('ours'), publicationOf('of the dead', { routingKey: 'another' })])
  const { recorder } = await consume(transport, 1)
  await recorder.next()
  const [tag = ''] = await raw.hkeys('unacked')
  const dead = (await raw.rpop('another')) as string
  await raw.hset('unacked', 'dead', `[${dead}, "", "another"]`)
  await raw.zadd('unacked_index', 1, tag, 2, 'dead')
  await vi.waitFor(async () => {
    await clock.advance('100s')
    expect(await raw.llen('another')).toBe(1)
  }, soon)
  expect(await raw.hkeys('unacked')).toEqual([tag])
})

test('no wake-up is lost, however close to the last look a message comes', async () => {
  const { open } = durable
  const [transport, left, right] = [await open(), await open(), await open()]
  const { recorder } = await consume(transport, 0)
  for (let round = 0; round < 400; round++) {
    const sent = [left.publish([publicationOf('l')]), new Promise(setImmediate).then(() => right.publish([publicationOf('r')]))]
    const arrivals = await recorder.some(2)
    await Promise.all([...sent, ...arrivals.map((arrival) => arrival.settle('ack'))])
  }
  expect(recorder.all.length).toBe(800)
})

test('messages of a killed process are delivered to others after the visibility timeout, and marked', async () => {
  const { raw, url, open } = durable
  const transport = await open({ visibility_timeout: 2 })
  await transport.publish([publicationOf('held')])
  const program = new URL('../fixtures/redis/holding-worker.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, url, '2'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  expect(said.toString().trim()).toBe('held')
  const taken = Number(await raw.zscore('unacked_index', (await raw.hkeys('unacked'))[0] as string))
  const { recorder } = await consume(transport, 1)
  // While it lives it is refreshed beyond the timeout, and nobody takes it away.
  await vi.waitFor(async () => {
    const seen = Number(await raw.zscore('unacked_index', (await raw.hkeys('unacked'))[0] as string))
    expect(seen - taken).toBeGreaterThan(3)
  }, soon)
  expect(recorder.all).toEqual([])
  child.kill('SIGKILL')
  const arrival = await recorder.next()
  expect([textOf(arrival), arrival.redelivered]).toEqual(['held', true])
})

test('one of the two connections that is killed, and scripts that are forgotten, are both made up for', async () => {
  const { raw, open } = durable
  const transport = await open()
  const told = watched(transport)
  const { recorder } = await consume(transport, 0)
  await raw.script('FLUSH')
  await transport.publish([publicationOf('1')])
  const first = await recorder.next()
  await raw.script('FLUSH')
  expect(await first.settle('ack')).toBe(true)
  const inbox = String(await raw.client('LIST'))
    .split('\n')
    .find((line) => line.includes('lovage-inbox'))
  await raw.client('KILL', 'ID', /id=(\d+)/.exec(inbox ?? '')?.[1] ?? '')
  await vi.waitFor(() => expect(told).toContain('back'), soon)
  const other = await open()
  await other.publish([publicationOf('2')])
  expect(textOf(await recorder.next())).toBe('2')
})

test('a Redis without memory loses no message that is taken or requeued, and it is told', async () => {
  const { raw, open } = durable
  onTestFinished(async () => void (await raw.config('SET', 'maxmemory', 0)))
  const transport = await open()
  const told = watched(transport)
  await transport.publish([publicationOf('1'), publicationOf('2')])
  const { recorder } = await consume(transport, 1)
  const first = await recorder.next()
  await raw.config('SET', 'maxmemory', 1)
  await expect(transport.publish([publicationOf('3')])).rejects.toMatchObject({ code: 'STORE_FULL' })
  await expect(first.settle('requeue')).rejects.toMatchObject({ code: 'STORE_FULL' })
  await vi.waitFor(() => expect(told).toEqual([expect.stringContaining('OOM')]), soon)
  expect([await raw.hlen('unacked'), await raw.llen('celery')]).toEqual([1, 1])
  await raw.config('SET', 'maxmemory', 0)
  const second = await recorder.next()
  expect(textOf(second)).toBe('2')
  expect(told).toEqual([expect.anything(), 'back'])
  expect(await second.settle('ack')).toBe(true)
})

test('a Redis that becomes a replica is left for the one that takes writes', async () => {
  const { raw, open } = durable
  onTestFinished(async () => void (await raw.call('REPLICAOF', 'NO', 'ONE')))
  const transport = await open()
  const told = watched(transport)
  await transport.publish([publicationOf('1')])
  const { recorder } = await consume(transport, 1)
  const first = await recorder.next()
  await raw.call('REPLICAOF', '127.0.0.1', '1')
  const settled = first.settle('ack')
  const sent = transport.publish([publicationOf('2')])
  await vi.waitFor(() => expect(told).toEqual([expect.stringContaining('READONLY')]), soon)
  await raw.call('REPLICAOF', 'NO', 'ONE')
  expect(await settled).toBe(true)
  await sent
  expect(textOf(await recorder.next())).toBe('2')
})

test('it comes back after 0, 2, 4, 8, 16, 32 and again 32 seconds', async () => {
  const { server, open } = durable
  const clock = manualClock()
  const transport = await open({ health_check_interval: 1e6 }, { clock })
  const told = watched(transport)
  await server.crash()
  await vi.waitFor(() => expect(told.length).toBe(1), soon)
  const waits: number[] = []
  for (const expected of [0, 2, 4, 8, 16, 32, 32]) {
    await clock.advance(Math.max(0, expected * 1000 - 1))
    const before = clock.pending
    await clock.advance(1)
    // The attempt fails, and the next one is due.
    await vi.waitFor(() => expect(clock.pending).toBe(before), soon)
    waits.push(expected)
  }
  await server.restart()
  await vi.waitFor(async () => {
    await clock.advance('32s')
    expect(told).toContain('back')
  }, soon)
})

test('closing does not wait for a Redis that is away', async () => {
  const { server, open } = durable
  const transport = await open()
  const { recorder } = await consume(transport, 1)
  await transport.publish([publicationOf('x')])
  const arrival = await recorder.next()
  await server.crash()
  await vi.waitFor(async () => expect(await durable.raw.ping().catch(() => 'down')).toBe('down'), soon)
  const settled = arrival.settle('ack').catch((error: { code: string }) => error.code)
  await transport.close()
  expect(['STORE_CLOSED', 'STORE_UNAVAILABLE']).toContain(await settled)
  await expect(transport.publish([publicationOf('y')])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await server.restart()
})
