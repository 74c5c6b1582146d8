/** Results as messages: to whom they go, and who waits for them. */
import { describe, expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import type { Arrival, Mailbox, Publication } from '../transport.ts'
import { acceptOnly } from '../wire/content.ts'
import { RpcResults, type RpcResultsOptions } from './rpc-results.ts'

function setUp(given: Partial<RpcResultsOptions> = {}) {
  const cluster = new ToyCluster()
  const sent: Publication[] = []
  const bad: string[] = []
  const mailboxes: Mailbox[] = []
  let hear: (arrival: Arrival) => void = () => {}
  const transport = {
    ...cluster.member.transport,
    publish: async (publications: readonly Publication[]) => void sent.push(...publications),
    listen: async (mailbox: Mailbox, onArrival: (arrival: Arrival) => void) => {
      mailboxes.push(mailbox)
      hear = onArrival
      return async () => {}
    },
  }
  const { clock } = cluster.member
  const options = { transport, clock, replyTo: 'me', expiresMs: 5000, isPersistent: false }
  const content = { serializer: 'json', accept: acceptOnly('json') } as const
  const results = new RpcResults({ ...options, ...content, onBadMessage: (message) => bad.push(message), ...given })
  /** Brings what was sent back to the sender. */
  const deliver = () => {
    for (const publication of sent.splice(0)) hear({ ...publication, redelivered: false })
  }
  const store = (taskId: string, status: string, result: unknown) =>
    results.store([{ record: { taskId, status, result, children: [] }, replyTo: 'me', correlationId: taskId }])
  return { cluster, results, sent, bad, mailboxes, deliver, store, hear: (arrival: Arrival) => hear(arrival) }
}

describe('results as messages', () => {
  test('go to the queue of the sender as Celery 5.6 writes them, and nowhere without one', async () => {
    const { results, sent, store } = setUp()
    await store('t1', 'SUCCESS', 5)
    await results.store([{ record: { taskId: 't2', status: 'SUCCESS', result: 1 }, replyTo: undefined }])
    expect(sent).toHaveLength(1)
    const [{ exchange, routingKey, properties, body }] = sent as [Publication]
    expect([exchange, routingKey, properties.correlationId, properties.deliveryMode]).toEqual(['', 'me', 't1', 1])
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({
      task_id: 't1',
      status: 'SUCCESS',
      result: 5,
      traceback: null,
      children: [],
    })
  })

  test('are listened for before the first task is sent, once', async () => {
    const { results, mailboxes } = setUp()
    await Promise.all([results.expect(), results.expect()])
    expect(mailboxes).toEqual([{ name: 'me', expiresMs: 5000 }])
  })

  test('are waited for no longer than was said where the broker is away', async () => {
    const { transport } = new ToyCluster().member
    const away = setUp({ transport: { ...transport, listen: () => new Promise(() => {}) } })
    const ending = new AbortController()
    const ends = [away.results.wait('t1', { timeoutMs: 1000 }), away.results.wait('t1', { signal: ending.signal })]
    const told = Promise.allSettled(ends)
    away.cluster.advance(1000)
    ending.abort(new Error('enough'))
    expect(await told).toMatchObject([{ reason: { code: 'WAIT_TIMEOUT' } }, { reason: { message: 'enough' } }])
    const refused = setUp({ transport: { ...transport, listen: () => Promise.reject(new Error('refused')) } })
    await expect(refused.results.wait('t1')).rejects.toThrow('refused')
  })

  test('bring everybody who waits the last state, and the others on the way', async () => {
    const { results, deliver, store } = setUp()
    await results.expect()
    const seen: string[] = []
    const waiting = [results.wait('t1', { onRecord: ({ status }) => seen.push(status) }), results.wait('t1')]
    await store('t1', 'STARTED', {})
    await store('t1', 'SUCCESS', 5)
    await store('t1', 'FAILURE', 'too late')
    deliver()
    expect((await Promise.all(waiting)).map(({ result }) => result)).toEqual([5, 5])
    expect(seen).toEqual(['STARTED', 'SUCCESS'])
    expect((await results.wait('t1')).result).toBe(5)
    expect((await results.get(['t1', 'never'])).map((record) => record?.status)).toEqual(['SUCCESS', undefined])
    await results.forget(['t1'])
    expect(await results.get(['t1'])).toEqual([undefined])
  })

  test('are waited for no longer than asked', async () => {
    const { cluster, results } = setUp()
    const waiting = results.wait('t1', { timeoutMs: 100 })
    await results.expect()
    await new Promise((resolve) => setImmediate(resolve))
    cluster.advance(100)
    await expect(waiting).rejects.toMatchObject({ code: 'WAIT_TIMEOUT', subject: 't1' })
    const leaving = new AbortController()
    const left = results.wait('t1', { signal: leaving.signal })
    leaving.abort(new Error('enough'))
    await expect(left).rejects.toThrow('enough')
  })

  test.for(['yaml', 'msgpack'] as const)('go in %s and come back, where that is accepted', async (serializer) => {
    const { results, sent, deliver, store } = setUp({ serializer, accept: acceptOnly(serializer) })
    const waiting = results.wait('t1')
    await results.expect()
    await store('t1', 'SUCCESS', { list: [1, null, 'zwei ☘'], big: 2 ** 40 })
    expect(sent[0]?.properties.contentType).toBe(`application/x-${serializer}`)
    deliver()
    expect(await waiting).toMatchObject({ status: 'SUCCESS', result: { list: [1, null, 'zwei ☘'], big: 2 ** 40 } })
  })

  test('in content that is not accepted fail the wait for them, before and after they come, and are told once', async () => {
    const { results, bad, hear } = setUp()
    await results.expect()
    const properties = {
      contentType: 'application/x-python-serialize',
      contentEncoding: 'binary',
      headers: {},
      correlationId: 't1',
    }
    const early = results.wait('t1').catch((error: unknown) => error)
    await new Promise((resolve) => setImmediate(resolve))
    hear({ exchange: '', routingKey: 'me', properties, body: Buffer.from('gAR9lC4=', 'base64'), redelivered: false })
    const message =
      '[protocol invalid] expected content of application/json, got: "application/x-python-serialize", as the result of task t1; `result_accept_content` says what is read'
    expect(await early).toMatchObject({ code: 'PROTOCOL_INVALID', subject: 't1', message })
    await expect(results.wait('t1')).rejects.toThrow(message)
    expect([bad.length, await results.get(['t1'])]).toEqual([1, [undefined]])
  })

  test('that are none are told of', async () => {
    const { results, bad, hear } = setUp()
    await results.expect()
    const properties = { contentType: 'application/json', contentEncoding: 'utf-8', headers: {} }
    for (const text of ['{}', '{', '[1]'])
      hear({ exchange: '', routingKey: 'me', properties, body: Buffer.from(text), redelivered: false })
    expect(bad).toHaveLength(3)
  })
})
