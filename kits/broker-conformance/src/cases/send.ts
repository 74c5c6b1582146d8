/** What a broker owes a sender. */
import type { Delivery } from '@lovage/core'
import { expectEqual, expectTrue } from '../expect.ts'
import { job, message, queue, Recorder } from '../recorder.ts'
import { brokerCase } from '../world.ts'

export const sendCases = [
  brokerCase('send/answers one receipt for each message, in order', async ({ broker }) => {
    const receipts = await broker.tasks.send([message('a'), message('b'), message('c')])
    expectEqual(
      receipts,
      ['a', 'b', 'c'].map((id) => ({ id, status: 'sent' })),
      'the receipts',
    )
  }),

  brokerCase('send/nothing is sent when there is nothing to send', async ({ broker }) => {
    expectEqual(await broker.tasks.send([]), [], 'the receipts')
  }),

  brokerCase('send/what was sent before anybody consumed is delivered', async ({ broker, another }) => {
    await broker.tasks.send([message('early')])
    const recorder = await Recorder.open(await another())
    expectEqual((await recorder.delivered(1)).message.id, 'early', 'the delivered task')
  }),

  brokerCase('send/a message arrives as it was sent', async ({ broker, another }) => {
    const fields = {
      args: [1, 'two', null, { three: [3] }],
      kwargs: { name: 'Zoë ☘', flag: false },
      headers: { trace: 'abc' },
      retryLimit: 7,
      timeoutMs: 60_000,
    }
    const recorder = await Recorder.open(await another())
    await broker.tasks.send([message('whole', fields), message('input', { input: { deep: { list: [1, 2.5, 'x'] } } })])
    await recorder.delivered(2)
    const [whole, input] = recorder.deliveries as [Delivery, Delivery]
    const { args, kwargs, headers, retryLimit, timeoutMs, name, queue: line, run, retries, sentAt } = whole.message
    expectEqual({ args, kwargs, headers, retryLimit, timeoutMs }, fields, 'what arrived')
    expectEqual({ name, line, run, retries }, { name: job, line: queue, run: 0, retries: 0 }, 'the rest')
    expectEqual(input.message.input, { deep: { list: [1, 2.5, 'x'] } }, 'the input')
    expectTrue(!whole.redelivered && !input.redelivered, 'a first delivery not to be called a redelivery')
    expectTrue(Number.isFinite(sentAt), `a time of sending, got: ${sentAt}`)
  }),

  brokerCase(
    'send/the same id with the same content is one task',
    async ({ broker, another }) => {
      await broker.tasks.send([message('once', { input: 1 })])
      const [receipt] = await broker.tasks.send([message('once', { input: 1 })])
      expectEqual(receipt, { id: 'once', status: 'existing' }, 'the second receipt')
      await broker.tasks.send([message('end')])
      const recorder = await Recorder.open(await another())
      await recorder.delivered(2)
      expectEqual(recorder.ids, ['once', 'end'], 'the delivered tasks')
    },
    ['idempotentIds'],
  ),

  brokerCase('send/many at once all arrive', async ({ broker, another }) => {
    const ids = Array.from({ length: 500 }, (_, n) => `many-${n}`)
    const recorder = await Recorder.open(await another(), { prefetch: 1000 })
    await Promise.all(ids.map((id) => broker.tasks.send([message(id)])))
    await recorder.delivered(ids.length)
    expectEqual(new Set(recorder.ids).size, ids.length, 'the number of different tasks')
  }),
]
