/** What the control bus owes those who ask and those who answer. */
import { type Broker, BugError, ConfigError, type ControlReply } from '@lovage/core'
import { pass, within } from '../deadline.ts'
import { expectEqual, expectReason, expectTrue } from '../expect.ts'
import { brokerCase, type World } from '../world.ts'

/** Long enough that nobody waits for it: what must not wait for the time-out is late if it does. */
const longMs = 60_000
const gone = new BugError('BUG', 'nobody waits any more')

/** Serves an echo under each name, each on a connection of its own. */
async function echoes({ another }: World, ...workers: readonly string[]): Promise<Broker[]> {
  const brokers: Broker[] = []
  for (const worker of workers) {
    const broker = await another()
    await broker.control.serve(worker, (method, args) => ({ method, args }))
    brokers.push(broker)
  }
  return brokers
}

/** Asks and lets the time-out pass meanwhile. */
async function ask(world: World, options: Parameters<Broker['control']['request']>[2]): Promise<readonly string[]> {
  const replies = world.broker.control.request('who', {}, { timeoutMs: 300, ...options })
  await pass(world.tools, 400)
  return workersOf(await within(replies, 'the request to end'))
}

function workersOf(replies: readonly ControlReply[]): readonly string[] {
  return replies.map((reply) => reply.worker).sort()
}

export const controlCases = [
  brokerCase(
    'control/brings method and arguments, and the value back',
    async (world) => {
      await echoes(world, 'a@conformance')
      const args = { task_id: ['x'], n: 1, nothing: null }
      const request = world.broker.control.request('echo', args, { destination: ['a@conformance'], timeoutMs: longMs })
      expectEqual(
        await within(request, 'the reply'),
        [{ worker: 'a@conformance', ok: true, value: { method: 'echo', args } }],
        'the replies',
      )
    },
    ['control'],
  ),

  brokerCase(
    'control/a command that throws is answered with its message',
    async ({ broker, another }) => {
      const other = await another()
      await other.control.serve('a@conformance', async () => {
        throw new ConfigError('OPTION_INVALID', 'wrong arguments')
      })
      const request = broker.control.request('x', {}, { destination: ['a@conformance'], timeoutMs: longMs })
      const [reply] = await within(request, 'the reply')
      const error = reply?.ok === false ? reply.error : 'no error'
      expectTrue(error.includes('wrong arguments'), `the error to say "wrong arguments", got: ${error}`)
    },
    ['control'],
  ),

  brokerCase(
    'control/a destination is asked alone, and nobody is waited for after it',
    async (world) => {
      await echoes(world, 'a@conformance', 'b@conformance', 'c@conformance')
      const destination = ['a@conformance', 'c@conformance']
      const request = world.broker.control.request('x', {}, { destination, timeoutMs: longMs })
      expectEqual(workersOf(await within(request, 'the replies of both')), destination, 'who answered')
    },
    ['control'],
  ),

  brokerCase(
    'control/without a destination all answer',
    async (world) => {
      await echoes(world, 'a@conformance', 'b@conformance')
      expectEqual(await ask(world, {}), ['a@conformance', 'b@conformance'], 'who answered')
    },
    ['control'],
  ),

  brokerCase(
    'control/a pattern chooses by name',
    async (world) => {
      await echoes(world, 'a1@conformance', 'a2@conformance', 'b1@conformance')
      expectEqual(await ask(world, { pattern: 'a*' }), ['a1@conformance', 'a2@conformance'], 'who answered')
      expectEqual(await ask(world, { pattern: '?1@conformance' }), ['a1@conformance', 'b1@conformance'], 'who answered')
    },
    ['control'],
  ),

  brokerCase(
    'control/a limit ends the wait',
    async (world) => {
      await echoes(world, 'a@conformance', 'b@conformance')
      const request = world.broker.control.request('x', {}, { limit: 1, timeoutMs: longMs })
      expectEqual((await within(request, 'the first reply')).length, 1, 'the number of replies')
    },
    ['control'],
  ),

  brokerCase(
    'control/a signal ends the wait',
    async (world) => {
      const leaving = new AbortController()
      const options = { destination: ['ghost@conformance'], timeoutMs: longMs, signal: leaving.signal }
      const refused = expectReason(world.broker.control.request('x', {}, options), gone, 'the request')
      leaving.abort(gone)
      await within(refused, 'the request to end')
      await expectReason(world.broker.control.request('x', {}, options), gone, 'a request made after the signal')
    },
    ['control'],
  ),

  brokerCase(
    'control/nobody there is no error',
    async (world) => {
      expectEqual(await ask(world, { destination: ['ghost@conformance'] }), [], 'who answered')
      expectEqual(await ask(world, {}), [], 'who answered')
    },
    ['control'],
  ),

  brokerCase(
    'control/who has stopped serving does not answer',
    async (world) => {
      await echoes(world, 'a@conformance')
      const other = await world.another()
      const end = await other.control.serve('b@conformance', () => 'still here')
      await end()
      expectEqual(await ask(world, {}), ['a@conformance'], 'who answered')
    },
    ['control'],
  ),
]
