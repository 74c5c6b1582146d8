/** How a consumer is steered: pause and resume, queues that come and go. */
import { expectEqual } from '../expect.ts'
import { message, Recorder } from '../recorder.ts'
import { brokerCase } from '../world.ts'

const completed = { type: 'completed', result: null } as const

export const consumerCases = [
  brokerCase('pause/brings nothing until resume; another worker gets it meanwhile', async ({ broker, another }) => {
    const paused = await Recorder.open(await another(), { worker: 'paused@conformance' })
    await broker.tasks.send([message('before')])
    await paused.delivered(1)
    paused.consumer.pause()
    const other = await Recorder.open(await another(), { worker: 'other@conformance' })
    await broker.tasks.send([message('a'), message('b')])
    await other.delivered(2)
    expectEqual(paused.ids, ['before'], 'what the paused worker got')
    await other.consumer.close()
    paused.consumer.resume()
    await paused.delivered(3)
    expectEqual([...paused.ids].sort(), ['a', 'b', 'before'], 'what it got after the resume')
  }),

  brokerCase('pause/leaves what was delivered with the worker', async ({ broker, another }) => {
    const recorder = await Recorder.open(await another())
    await broker.tasks.send([message('mine')])
    const delivery = await recorder.delivered(1)
    recorder.consumer.pause()
    expectEqual(await recorder.settle(delivery, completed), true, 'whether the settlement counted')
  }),

  brokerCase('queue/several are consumed side by side', async ({ broker, another }) => {
    const recorder = await Recorder.open(await another(), { queues: ['conformance-a', 'conformance-b'] })
    await broker.tasks.send([message('a', { queue: 'conformance-a' }), message('b', { queue: 'conformance-b' })])
    await recorder.delivered(2)
    expectEqual([...recorder.ids].sort(), ['a', 'b'], 'the deliveries')
  }),

  brokerCase('queue/is added and cancelled while consuming', async ({ broker, another }) => {
    const recorder = await Recorder.open(await another(), { queues: ['conformance-a'], worker: 'first@conformance' })
    await recorder.consumer.addQueue('conformance-b')
    await broker.tasks.send([message('b', { queue: 'conformance-b' })])
    await recorder.settle(await recorder.delivered(1), completed)
    await recorder.consumer.cancelQueue('conformance-a')
    const other = await Recorder.open(await another(), { queues: ['conformance-a'], worker: 'second@conformance' })
    await broker.tasks.send([message('a', { queue: 'conformance-a' }), message('b2', { queue: 'conformance-b' })])
    await other.delivered(1)
    await recorder.delivered(2)
    expectEqual([recorder.ids, other.ids], [['b', 'b2'], ['a']], 'who got what')
  }),
]
