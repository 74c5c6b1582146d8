/** What is sent to Redis stands for itself: a refused list is no word on others, and what only waits can be withdrawn. */
import { expect, test, vi } from 'vitest'
import { cutProxy } from '../fixtures/redis/cut-proxy.ts'
import { publicationOf, queueOf, textOf } from '../fixtures/redis/messages.ts'
import { Recorder, redisRoom } from '../fixtures/redis/redis-room.ts'
import type { Transport } from '../transport.ts'

const room = await redisRoom()
const soon = { timeout: 15_000, interval: 10 }
const enough = new Error('enough')

/** What stands in the list, the oldest first. */
async function standing(list = 'celery'): Promise<readonly string[]> {
  const { raw, open } = room
  const count = await raw.llen(list)
  const recorder = new Recorder()
  const inflow = await (await open()).consume({ queues: [queueOf(list)], prefetch: 0 }, recorder)
  const texts = (await recorder.some(count)).map(textOf)
  await inflow.close()
  return texts
}

/** A transport that has just lost Redis, and what gives it back. */
async function lonely(): Promise<{ readonly transport: Transport; comeBack(): Promise<void> }> {
  const { server } = room
  const transport = await room.open()
  const lost = new Promise<void>((resolve) => void transport.watch({ lost: () => resolve(), back() {} }))
  await server.crash()
  await lost
  return { transport, comeBack: () => server.restart() }
}

test('a list that is refused fails what was for it, and nothing else of the same turn', async () => {
  const transport = await room.open()
  await room.raw.set('taken', 'a text')
  const sends = [
    transport.publish([publicationOf('a')]),
    transport.publish([publicationOf('b', { routingKey: 'taken' })]),
    transport.publish([publicationOf('c'), publicationOf('d', { routingKey: 'taken' })]),
    transport.publish([publicationOf('e', { routingKey: 'other' })]),
  ]
  const ends = (await Promise.allSettled(sends)).map((end) => (end.status === 'rejected' ? end.reason.code : 'sent'))
  expect(ends).toEqual(['sent', 'STORE_UNAVAILABLE', 'STORE_UNAVAILABLE', 'sent'])
})

test('a list that the user may not write to lasts: the next attempt meets it, too', async () => {
  const { raw, url } = room
  await raw.call('ACL', 'SETUSER', 'some', 'on', '>secret', '+@all', '~celery', '~unacked*', '~_kombu*', '~lovage*', '&*')
  const transport = await room.open({}, { url: url.replace('//', '//some:secret@') })
  await transport.publish([publicationOf('a')])
  const forbidden = transport.publish([publicationOf('b', { routingKey: 'other' })])
  await expect(forbidden).rejects.toMatchObject({ retryable: false, message: expect.stringContaining('NOPERM') })
  expect(await raw.llen('celery')).toBe(1)
})

test('what waits for Redis is withdrawn, and nothing else', { timeout: 60_000 }, async () => {
  const { transport, comeBack } = await lonely()
  const withdrawing = new AbortController()
  const { signal } = withdrawing
  const kept = transport.publish([publicationOf('kept')])
  const withdrawn = transport.publish([publicationOf('withdrawn')], signal)
  const bound = transport.publish([publicationOf('bound', { exchange: 'some', routingKey: 'celery' })], signal)
  const others = Promise.allSettled([withdrawn, bound])
  withdrawing.abort(enough)
  const late = transport.publish([publicationOf('late')], signal)
  await expect(late).rejects.toBe(enough)
  expect(await others).toEqual(Array(2).fill({ status: 'rejected', reason: enough }))
  await comeBack()
  await kept
  expect(await standing()).toEqual(['kept'])
})

test('what was written when it is withdrawn is waited for, and is not written again after a break', async () => {
  const { server } = room
  const proxy = await cutProxy(server.port)
  const transport = await room.open({}, { url: `redis://127.0.0.1:${proxy.port}/9` })
  const withdrawing = new AbortController()
  proxy.swallow()
  let isOver = false
  const written = transport.publish([publicationOf('written')], withdrawing.signal)
  const over = written.finally(() => {
    isOver = true
  })
  over.catch(() => {})
  await vi.waitFor(async () => expect(await room.raw.llen('celery')).toBe(1), soon)
  withdrawing.abort(enough)
  await room.raw.ping()
  expect(isOver).toBe(false)
  await room.raw.del('celery')
  proxy.cut()
  await expect(written).rejects.toBe(enough)
  await transport.publish([publicationOf('next')])
  expect(await standing()).toEqual(['next'])
  await transport.close()
  await proxy.stop()
})
