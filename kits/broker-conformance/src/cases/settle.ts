/** What settling means, outcome by outcome. */
import type { Outcome, TaskMessage } from '@lovage/core'
import { expectEqual, expectRejection, expectTrue } from '../expect.ts'
import { message, Recorder } from '../recorder.ts'
import { brokerCase, type World } from '../world.ts'

const failure = { name: 'TypeError', message: 'conformance' }
const completed = { type: 'completed', result: { sum: 3 } } as const

/** Settles the first delivery of one task, then shows what is delivered up to a task sent after that. */
async function settleOne({ broker, another }: World, outcome: Outcome, fields: Partial<TaskMessage> = {}): Promise<Recorder> {
  const recorder = await Recorder.open(await another())
  await broker.tasks.send([message('first', fields)])
  const delivery = await recorder.delivered(1)
  await delivery.accept()
  expectEqual(await recorder.settle(delivery, outcome), true, 'whether the settlement counted')
  await broker.tasks.send([message('last', { priority: 1 })])
  return recorder
}

/** The last outcomes of a life: the task does not come again. */
async function settlesForGood(world: World, outcome: Outcome, fields: Partial<TaskMessage> = {}): Promise<void> {
  const recorder = await settleOne(world, outcome, fields)
  await recorder.delivered(2)
  expectEqual(recorder.ids, ['first', 'last'], 'the deliveries')
}

/** Outcomes after which another run follows. */
async function comesAgain(world: World, outcome: Outcome, retries: number): Promise<void> {
  const recorder = await settleOne(world, outcome)
  await recorder.delivered(3)
  const again = recorder.deliveries.slice(1).find((delivery) => delivery.message.id === 'first')
  expectTrue(again !== undefined, `the task to come again, got: ${recorder.ids.join(', ')}`)
  expectEqual(again?.message.retries, retries, 'the retries used')
  if (again !== undefined) expectEqual(await recorder.settle(again, completed), true, 'whether the second run counted')
}

export const settleCases = [
  brokerCase('settle/completed ends the task', (world) => settlesForGood(world, completed)),
  brokerCase('settle/failed ends the task', (world) => settlesForGood(world, { type: 'failed', failure })),
  brokerCase('settle/rejected ends the task', (world) =>
    settlesForGood(world, { type: 'rejected', reason: 'malformed-payload', failure }),
  ),
  brokerCase('settle/cancelled ends the task', (world) => settlesForGood(world, { type: 'cancelled', message: 'no use' })),
  brokerCase('settle/retried brings it again, with one retry more', (world) =>
    comesAgain(world, { type: 'retried', delayMs: 0, limit: 3, failure }, 1),
  ),
  brokerCase('settle/retried without a retry left ends the task', (world) =>
    settlesForGood(world, { type: 'retried', delayMs: 0, limit: 3, failure }, { retryLimit: 0 }),
  ),
  brokerCase('settle/released brings it again and costs nothing', (world) => comesAgain(world, { type: 'released' }, 0)),

  brokerCase('settle/a task that comes again says so', async ({ broker, another }) => {
    const recorder = await Recorder.open(await another())
    await broker.tasks.send([message('again')])
    await recorder.settle(await recorder.delivered(1), { type: 'released' })
    const again = await recorder.delivered(2)
    expectTrue(again.redelivered, 'the second delivery to be called a redelivery')
  }),

  brokerCase(
    'settle/twice is refused',
    async ({ broker, another }) => {
      const recorder = await Recorder.open(await another())
      await broker.tasks.send([message('twice')])
      const delivery = await recorder.delivered(1)
      await recorder.settle(delivery, completed)
      await expectRejection(delivery.settle(completed), 'SETTLED_TWICE', 'the second settlement')
    },
    ['countsSettlements'],
  ),

  brokerCase('settle/many at once all count', async ({ broker, another }) => {
    const total = 200
    const recorder = await Recorder.open(await another(), { prefetch: total })
    await broker.tasks.send(Array.from({ length: total }, (_, n) => message(`${n}`)))
    await recorder.delivered(total)
    const counted = await Promise.all(recorder.deliveries.map((delivery) => recorder.settle(delivery, completed)))
    expectEqual(counted.filter(Boolean).length, total, 'the number of settlements that counted')
  }),
]
