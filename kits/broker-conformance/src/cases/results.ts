/** What a sender can learn of its tasks. */
import { BugError, type Outcome, type TaskResult } from '@lovage/core'
import { pass, within } from '../deadline.ts'
import { expectEqual, expectReason, expectRejection, expectTrue } from '../expect.ts'
import { message, Recorder } from '../recorder.ts'
import { brokerCase, type World } from '../world.ts'

const gone = new BugError('BUG', 'nobody waits any more')
const failure = { name: 'TypeError', message: 'conformance' }

/** Runs one task to this end while its sender waits for it. */
async function waitFor({ broker, another }: World, outcome: Outcome): Promise<TaskResult> {
  const recorder = await Recorder.open(await another())
  await broker.tasks.send([message('awaited')])
  const delivery = await recorder.delivered(1)
  const waiting = broker.results.wait('awaited')
  await recorder.settle(delivery, outcome)
  return within(waiting, 'the awaited result')
}

export const resultCases = [
  brokerCase(
    'results/a completed task has its result',
    async (world) => {
      const result = { sum: 3, list: [1, null, 'x'] }
      const { id, state, result: got } = await waitFor(world, { type: 'completed', result })
      expectEqual({ id, state, result: got }, { id: 'awaited', state: 'completed', result }, 'the result')
    },
    ['results'],
  ),

  brokerCase(
    'results/a failed task has its failure',
    async (world) => {
      const { state, failure: got } = await waitFor(world, { type: 'failed', failure })
      expectEqual([state, got?.name, got?.message], ['failed', failure.name, failure.message], 'the result')
    },
    ['results'],
  ),

  brokerCase(
    'results/a task ended by the system says why',
    async (world) => {
      const { state, reason } = await waitFor(world, { type: 'cancelled' })
      expectEqual([state, reason], ['exception', 'cancelled'], 'the result')
    },
    ['results'],
  ),

  brokerCase(
    'results/come in the order of the ids, unknown ones among them',
    async ({ broker, another }) => {
      const recorder = await Recorder.open(await another())
      await broker.tasks.send([message('a'), message('b')])
      await recorder.delivered(2)
      for (const delivery of recorder.deliveries)
        await recorder.settle(delivery, { type: 'completed', result: delivery.message.id })
      await within(Promise.all(['a', 'b'].map((id) => broker.results.wait(id))), 'both results')
      const results = await broker.results.get(['b', 'never-sent', 'a'])
      expectEqual(
        results.map(({ id, result }) => [id, result]),
        [
          ['b', 'b'],
          ['never-sent', undefined],
          ['a', 'a'],
        ],
        'the results',
      )
      expectEqual(results[1]?.state, 'unknown', 'the state of what was never sent')
    },
    ['results'],
  ),

  brokerCase(
    'results/many may wait for one task, one of them too late to see it end',
    async ({ broker, another }) => {
      const recorder = await Recorder.open(await another())
      await broker.tasks.send([message('shared')])
      const waiting = [broker.results.wait('shared'), (await another()).results.wait('shared')]
      await recorder.settle(await recorder.delivered(1), { type: 'completed', result: 7 })
      const seen = await within(Promise.all(waiting), 'both results')
      const late = await within((await another()).results.wait('shared'), 'the late result')
      expectEqual(
        [...seen, late].map(({ result }) => result),
        [7, 7, 7],
        'the results',
      )
    },
    ['results', 'sharesResults'],
  ),

  brokerCase(
    'results/waiting ends with the time given',
    async ({ tools, broker }) => {
      await broker.tasks.send([message('slow')])
      const waiting = broker.results.wait('slow', { timeoutMs: 200 })
      const refused = expectRejection(waiting, 'WAIT_TIMEOUT', 'the wait')
      await pass(tools, 300)
      await within(refused, 'the wait to end')
    },
    ['results'],
  ),

  brokerCase(
    'results/waiting ends with the signal given, the task goes on',
    async ({ broker, another }) => {
      await broker.tasks.send([message('slow')])
      const leaving = new AbortController()
      const refused = expectReason(broker.results.wait('slow', { signal: leaving.signal }), gone, 'the wait')
      leaving.abort(gone)
      await within(refused, 'the wait to end')
      await expectReason(broker.results.wait('slow', { signal: leaving.signal }), gone, 'a wait begun after the signal')
      const recorder = await Recorder.open(await another())
      expectEqual((await recorder.delivered(1)).message.id, 'slow', 'what a worker gets')
    },
    ['results'],
  ),

  brokerCase(
    'results/show the progress of a running task',
    async ({ tools, broker, another }) => {
      const recorder = await Recorder.open(await another())
      await broker.tasks.send([message('busy')])
      const delivery = await recorder.delivered(1)
      await delivery.accept()
      delivery.note({ progress: 0.25 })
      delivery.note({ progress: { value: 0.5, detail: 'half' } })
      let seen: unknown
      for (let look = 0; look < 50 && seen === undefined; look++) {
        await pass(tools, 100)
        seen = (await broker.results.get(['busy']))[0]?.progress
      }
      expectEqual(seen, { value: 0.5, detail: 'half' }, 'the progress')
      await recorder.settle(delivery, { type: 'completed', result: null })
    },
    ['results', 'keepsProgress'],
  ),

  brokerCase(
    'results/the log lines of a task are kept, in order',
    async ({ broker, another }) => {
      const recorder = await Recorder.open(await another())
      await broker.tasks.send([message('wordy')])
      const delivery = await recorder.delivered(1)
      await delivery.accept()
      delivery.note({ line: { level: 'info', text: 'one' } })
      delivery.note({ line: { level: 'error', text: 'two' } })
      await recorder.settle(delivery, { type: 'completed', result: null })
      const lines = await broker.admin?.logs('wordy')
      expectTrue(lines !== undefined, 'an admin that has log lines')
      expectEqual(
        lines?.map(({ level, text, run }) => [level, text, run]),
        [
          ['info', 'one', 0],
          ['error', 'two', 0],
        ],
        'the lines',
      )
    },
    ['keepsLogs'],
  ),
]
