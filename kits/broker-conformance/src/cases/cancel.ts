/** How tasks are kept from running, and runs from going on. */
import { expectEqual } from '../expect.ts'
import { message, Recorder } from '../recorder.ts'
import { brokerCase } from '../world.ts'

const completed = { type: 'completed', result: null } as const

export const cancelCases = [
  brokerCase(
    'cancel/a pending task is not delivered',
    async ({ broker, another }) => {
      await broker.tasks.send([message('gone'), message('stays')])
      expectEqual(await broker.tasks.cancel(['gone', 'never-sent']), [true, false], 'whether it had an effect')
      const recorder = await Recorder.open(await another())
      await recorder.delivered(1)
      expectEqual(recorder.ids, ['stays'], 'the deliveries')
    },
    ['cancels'],
  ),

  brokerCase(
    'cancel/what is over stays as it is',
    async ({ broker, another }) => {
      const recorder = await Recorder.open(await another())
      await broker.tasks.send([message('over')])
      await recorder.settle(await recorder.delivered(1), completed)
      expectEqual(await broker.tasks.cancel(['over']), [false], 'whether it had an effect')
    },
    ['cancels'],
  ),

  brokerCase(
    'cancel/a running task is revoked, and its settlement has no effect',
    async ({ broker, another }) => {
      const recorder = await Recorder.open(await another())
      await broker.tasks.send([message('stop')])
      const delivery = await recorder.delivered(1)
      await delivery.accept()
      expectEqual(await broker.tasks.cancel(['stop'], 'no use'), [true], 'whether it had an effect')
      expectEqual(
        await recorder.revoked('stop'),
        { id: 'stop', run: delivery.message.run, reason: 'cancelled' },
        'the revocation',
      )
      expectEqual(await recorder.settle(delivery, completed), false, 'whether the settlement counted')
    },
    ['cancels', 'cancelsRunning'],
  ),
]
