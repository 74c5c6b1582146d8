/** What becomes of deliveries when a worker goes, by itself or by force. */
import type { Broker } from '@lovage/core'
import type { BrokerCase } from '../broker-case.ts'
import { within } from '../deadline.ts'
import { expectEqual, expectTrue } from '../expect.ts'
import { message, Recorder } from '../recorder.ts'
import { brokerCase } from '../world.ts'

const completed = { type: 'completed', result: null } as const

/** Expects that what waits on the connection is rejected when it closes, and that closing does not wait for it. */
async function closeEnds(connection: Broker, waiting: Promise<unknown>, what: string): Promise<void> {
  const ended = waiting.then(
    () => 'resolved',
    () => 'rejected',
  )
  await within(connection.close(), 'the connection to close')
  expectEqual(await within(ended, `${what} to end`), 'rejected', what)
}

const crash: BrokerCase = {
  ...brokerCase('close/a worker that is killed loses nothing', async ({ tools, broker, another }) => {
    const doomed = await another()
    const victim = await Recorder.open(doomed, { worker: 'victim@conformance' })
    await broker.tasks.send([message('a'), message('b')])
    await victim.delivered(2)
    const heir = await Recorder.open(await another(), { worker: 'heir@conformance' })
    await tools.crash?.(doomed)
    await heir.delivered(2)
    expectEqual([...heir.ids].sort(), ['a', 'b'], 'what the other worker got')
    for (const delivery of heir.deliveries) expectEqual(await heir.settle(delivery, completed), true, 'whether it counted')
  }),
  crashes: true,
}

export const closeCases: readonly BrokerCase[] = [
  brokerCase('close/what was not settled goes to another worker', async ({ broker, another }) => {
    const leaver = await Recorder.open(await another(), { worker: 'leaver@conformance' })
    await broker.tasks.send([message('kept'), message('left')])
    await leaver.delivered(2)
    const [kept] = leaver.deliveries
    if (kept !== undefined) await leaver.settle(kept, completed)
    await leaver.consumer.close()
    const heir = await Recorder.open(await another(), { worker: 'heir@conformance' })
    const delivery = await heir.delivered(1)
    expectEqual([delivery.message.id, delivery.message.retries], ['left', 0], 'what the other worker got')
    expectTrue(delivery.redelivered, 'it to be called a redelivery')
  }),

  brokerCase('close/waits for settlements under way', async ({ broker, another }) => {
    const leaver = await Recorder.open(await another())
    await broker.tasks.send([message('a'), message('b')])
    await leaver.delivered(2)
    const settlements = leaver.deliveries.map((delivery) => leaver.settle(delivery, completed))
    await leaver.consumer.close()
    expectEqual(await Promise.all(settlements), [true, true], 'whether they counted')
    await broker.tasks.send([message('end')])
    const heir = await Recorder.open(await another(), { worker: 'heir@conformance' })
    await heir.delivered(1)
    expectEqual(heir.ids, ['end'], 'what another worker got')
  }),

  brokerCase('close/of the connection gives back what was not settled', async ({ broker, another }) => {
    const connection = await another()
    const leaver = await Recorder.open(connection, { worker: 'leaver@conformance' })
    await broker.tasks.send([message('left')])
    await leaver.delivered(1)
    await connection.close()
    const heir = await Recorder.open(await another(), { worker: 'heir@conformance' })
    expectEqual((await heir.delivered(1)).message.id, 'left', 'what the other worker got')
  }),

  brokerCase(
    'close/ends waits for results',
    async ({ another }) => {
      const connection = await another()
      await connection.tasks.send([message('slow')])
      await closeEnds(connection, connection.results.wait('slow'), 'the wait for a result')
    },
    ['results'],
  ),

  brokerCase(
    'close/ends requests that wait for replies',
    async ({ another }) => {
      const connection = await another()
      const asking = connection.control.request('x', {}, { destination: ['ghost@conformance'], timeoutMs: 60_000 })
      await closeEnds(connection, asking, 'the request')
    },
    ['control'],
  ),

  brokerCase(
    'close/ends captures',
    async ({ broker, another }) => {
      const connection = await another()
      const listening = await another()
      const heard: string[] = []
      await connection.events.capture(['*'], ({ type }) => heard.push(type))
      await connection.close()
      let arrive = () => {}
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve
      })
      await listening.events.capture(['*'], () => arrive())
      broker.events.emit({ type: 'task-started', at: 1_700_000_000_000, worker: 'teller@conformance' })
      await within(arrived, 'the event to arrive elsewhere')
      expectEqual(heard, [], 'what the closed connection heard')
    },
    ['events'],
  ),

  brokerCase('close/may be called twice', async ({ another }) => {
    const connection = await another()
    const recorder = await Recorder.open(connection)
    await recorder.consumer.close()
    await recorder.consumer.close()
    await connection.close()
    await connection.close()
  }),

  crash,
]
