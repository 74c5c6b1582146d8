/** How deliveries come to a worker. */
import { pass, within } from '../deadline.ts'
import { expectEqual, expectTrue } from '../expect.ts'
import { message, Recorder } from '../recorder.ts'
import { brokerCase } from '../world.ts'

const completed = { type: 'completed', result: null } as const

export const deliverCases = [
  brokerCase('deliver/tasks of one urgency come in the order of sending', async ({ broker, another }) => {
    const ids = ['1', '2', '3', '4', '5']
    await broker.tasks.send(ids.map((id) => message(id)))
    const recorder = await Recorder.open(await another())
    await recorder.delivered(5)
    expectEqual(recorder.ids, ids, 'the order')
  }),

  brokerCase(
    'deliver/more urgent tasks come first',
    async ({ broker, another }) => {
      await broker.tasks.send([message('low', { priority: 2 }), message('high', { priority: 6 }), message('middle')])
      const recorder = await Recorder.open(await another(), { prefetch: 1 })
      for (let count = 1; count <= 3; count++) await recorder.settle(await recorder.delivered(count), completed)
      expectEqual(recorder.ids, ['high', 'middle', 'low'], 'the order')
    },
    ['priorities'],
  ),

  brokerCase('deliver/a consumer that waits is woken by a send', async ({ broker, another }) => {
    const recorder = await Recorder.open(await another())
    await broker.tasks.send([message('wake')])
    expectEqual((await recorder.delivered(1)).message.id, 'wake', 'the delivered task')
  }),

  brokerCase('deliver/never more are unsettled than the prefetch allows', async ({ broker, another }) => {
    await broker.tasks.send(Array.from({ length: 10 }, (_, n) => message(`${n}`)))
    const recorder = await Recorder.open(await another(), { prefetch: 3 })
    for (let count = 1; count <= 10; count++) await recorder.settle(await recorder.delivered(count), completed)
    expectTrue(recorder.most <= 3, `at most 3 unsettled deliveries, got: ${recorder.most}`)
    expectEqual(new Set(recorder.ids).size, 10, 'the number of different tasks')
  }),

  brokerCase('deliver/a raised prefetch brings more at once', async ({ broker, another }) => {
    await broker.tasks.send(Array.from({ length: 6 }, (_, n) => message(`${n}`)))
    const recorder = await Recorder.open(await another(), { prefetch: 2 })
    await recorder.delivered(2)
    recorder.consumer.setPrefetch(5)
    await recorder.delivered(5)
    expectTrue(recorder.most <= 5, `at most 5 unsettled deliveries, got: ${recorder.most}`)
  }),

  brokerCase('deliver/each task goes to one of two workers', async ({ broker, another }) => {
    const [left, right] = [
      await Recorder.open(await another(), { prefetch: 100, worker: 'left@conformance' }),
      await Recorder.open(await another(), { prefetch: 100, worker: 'right@conformance' }),
    ]
    const total = 40
    const settled: Promise<boolean>[] = []
    const all = new Promise<void>((resolve) => {
      for (const recorder of [left, right]) {
        recorder.onDelivery = (delivery) => {
          if (settled.push(recorder.settle(delivery, completed)) === total) resolve()
        }
      }
    })
    for (let n = 0; n < total; n++) await broker.tasks.send([message(`${n}`)])
    await within(all, `${total} deliveries to two workers`)
    expectTrue((await Promise.all(settled)).every(Boolean), 'every settlement to count')
    const ids = [...left.ids, ...right.ids]
    expectEqual([ids.length, new Set(ids).size], [total, total], 'the number of deliveries and of different tasks')
  }),

  brokerCase(
    'deliver/only names that the worker knows',
    async ({ broker, another }) => {
      await broker.tasks.send([message('foreign', { name: 'conformance.other' }), message('mine')])
      const recorder = await Recorder.open(await another())
      await recorder.delivered(1)
      const other = await Recorder.open(await another(), { tasks: [{ name: 'conformance.other' }], worker: 'other@conformance' })
      expectEqual((await other.delivered(1)).message.id, 'foreign', 'what the other worker got')
      expectEqual(recorder.ids, ['mine'], 'what the first worker got')
    },
    ['choosesNames'],
  ),

  brokerCase(
    'deliver/not before its time',
    async ({ tools, broker, another }) => {
      const recorder = await Recorder.open(await another())
      const at = (await sendTime(broker)) + 2000
      await broker.tasks.send([message('later', { at }), message('now')])
      await recorder.delivered(1)
      expectEqual(recorder.ids, ['now'], 'what came at once')
      await pass(tools, 2100)
      expectEqual((await recorder.delivered(2)).message.id, 'later', 'what came later')
    },
    ['holdsEta'],
  ),
]

/** The broker's own time, which a binding may move by hand: that of a task which it has just taken. */
async function sendTime(broker: Parameters<typeof Recorder.open>[0]): Promise<number> {
  await broker.tasks.send([message('clock', { queue: 'conformance-clock' })])
  const recorder = await Recorder.open(broker, { queues: ['conformance-clock'], worker: 'clock@conformance' })
  const delivery = await recorder.delivered(1)
  await recorder.settle(delivery, completed)
  await recorder.consumer.close()
  return delivery.message.sentAt
}
