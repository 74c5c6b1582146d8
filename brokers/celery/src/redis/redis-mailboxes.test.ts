/** Queues of one owner on a real Redis: commands, replies, events and broadcasts go the ways that kombu takes. */
import { expect, test, vi } from 'vitest'
import { publicationOf, queueOf, textOf } from '../fixtures/redis/messages.ts'
import { Recorder, redisRoom } from '../fixtures/redis/redis-room.ts'
import type { Arrival, Mailbox, Transport } from '../transport.ts'

const room = await redisRoom()
const { raw } = room
const soon = { timeout: 15_000, interval: 10 }

const pidbox = { exchange: 'celery.pidbox', exchangeType: 'fanout', exchangeDurable: false, routingKeys: [''] } as const
const events = { exchange: 'celeryev', exchangeType: 'topic', exchangeDurable: true, routingKeys: ['worker.#'] } as const
const replies = { exchange: 'reply.celery.pidbox', exchangeType: 'direct', exchangeDurable: false, routingKeys: ['me'] } as const

function mailbox(name: string, binding: Mailbox['binding']): Mailbox {
  return { name, binding, expiresMs: 10_000 }
}

test('commands, events and replies go the ways that kombu takes, and nothing stays behind', async () => {
  const [a, b] = [await room.open(), await room.open()]
  const heard: string[] = []
  const hear = (place: string) => (arrival: Arrival) => void heard.push(`${place}: ${textOf(arrival)}`)
  const leaving = await Promise.all([
    a.listen(mailbox('w@h.celery.pidbox', pidbox), hear('commands of a')),
    b.listen(mailbox('v@h.celery.pidbox', pidbox), hear('commands of b')),
    a.listen(mailbox('celeryev.1', events), hear('workers')),
    a.listen(mailbox('celeryev.2', { ...events, routingKeys: ['#'] }), hear('all')),
    b.listen(mailbox('me.reply.celery.pidbox', replies), hear('replies')),
  ])
  expect((await raw.keys('*')).sort()).toEqual([
    '_kombu.binding.celery.pidbox',
    '_kombu.binding.celeryev',
    '_kombu.binding.reply.celery.pidbox',
  ])
  expect(await raw.smembers('_kombu.binding.reply.celery.pidbox')).toEqual(['me\x06\x16\x06\x16me.reply.celery.pidbox'])
  expect((await raw.smembers('_kombu.binding.celeryev')).sort()).toEqual([
    '#\x06\x16\x06\x16celeryev.2',
    'worker.#\x06\x16\x06\x16celeryev.1',
  ])
  b.tell(pidbox, publicationOf('ping', { exchange: 'celery.pidbox', routingKey: '' }))
  a.tell(events, publicationOf('online', { exchange: 'celeryev', routingKey: 'worker.online' }))
  a.tell(events, publicationOf('multi', { exchange: 'celeryev', routingKey: 'task.multi' }))
  a.tell(replies, publicationOf('pong', { exchange: 'reply.celery.pidbox', routingKey: 'me' }))
  a.tell(replies, publicationOf('to nobody', { exchange: 'reply.celery.pidbox', routingKey: 'gone' }))
  await vi.waitFor(() => expect(heard.length).toBe(6), soon)
  expect([...heard].sort()).toEqual(
    ['commands of a: ping', 'commands of b: ping', 'workers: online', 'all: online', 'all: multi', 'replies: pong'].sort(),
  )
  await Promise.all(leaving.map((leave) => leave()))
  expect(await raw.keys('*')).toEqual([])
  expect(await raw.pubsub('NUMPAT')).toBe(0)
})

test('a broadcast reaches every worker that consumes it, once', async () => {
  const [a, b] = [await room.open(), await room.open()]
  const cast = (id: string) => ({
    ...queueOf(`bcast.${id}`),
    exchange: 'news',
    exchangeType: 'fanout' as const,
    routingKey: '',
    autoDelete: true,
  })
  const [left, right] = [new Recorder(), new Recorder()]
  const inflow = await a.consume({ queues: [cast('1')], prefetch: 1 }, left)
  await b.consume({ queues: [cast('2')], prefetch: 1 }, right)
  await a.publish([
    publicationOf('one', { exchange: 'news', routingKey: '' }),
    publicationOf('two', { exchange: 'news', routingKey: '' }),
  ])
  const first = await left.next()
  expect([textOf(first), textOf(await right.next())]).toEqual(['one', 'one'])
  expect(left.all.length).toBe(1)
  expect(await first.settle('ack')).toBe(true)
  expect(textOf(await left.next())).toBe('two')
  await inflow.close()
  expect(await raw.smembers('_kombu.binding.news')).toEqual(['\x06\x16\x06\x16bcast.2'])
})

test('other separators, steps, prefixes and orders are followed everywhere', async () => {
  const options = {
    sep: ':',
    priority_steps: [0, 5],
    global_keyprefix: 'shop.',
    fanout_prefix: '/x.',
    fanout_patterns: false,
    queue_order_strategy: 'priority',
    unacked_key: 'held',
  } as const
  const transport = await room.open(options)
  await transport.publish(['b1', 'b2'].map((text) => publicationOf(text, { routingKey: 'b' })))
  await transport.publish(['a1', 'a2'].map((text) => publicationOf(text, { routingKey: 'a', priority: 7 })))
  expect((await raw.keys('*')).sort()).toEqual(['shop.a:5', 'shop.b'])
  const recorder = new Recorder()
  await transport.consume({ queues: [queueOf('a'), queueOf('b')], prefetch: 3 }, recorder)
  expect((await recorder.some(3)).map(textOf)).toEqual(['b1', 'b2', 'a1'])
  expect(await raw.hlen('shop.held')).toBe(3)
  const heard: string[] = []
  await transport.listen(mailbox('celeryev.1', events), (arrival) => void heard.push(textOf(arrival)))
  expect(await raw.pubsub('NUMPAT')).toBe(1)
  await raw.publish('shop./x.celeryev', await envelopeOf(transport))
  await vi.waitFor(() => expect(heard.length).toBe(1), soon)
})

async function envelopeOf(transport: Transport): Promise<string> {
  await transport.publish([publicationOf('x', { routingKey: 'spare' })])
  return (await raw.rpop('shop.spare')) as string
}
