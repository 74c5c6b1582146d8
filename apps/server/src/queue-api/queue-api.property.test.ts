/** The state machine of the HTTP queue against a small model of it, under whatever callers and time do. */
import { createClient } from '@lovage/client'
import { createQueueBroker } from '@lovage/queue'
import { memoryBackend } from '@lovage/store-memory'
import { type ManualClock, manualClock } from '@lovage/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createServer } from '../index.ts'
import { definition } from './fixtures/hall.ts'

const queueId = 'test-prov/test-type'
const ids = ['a', 'b', 'c']
const words = ['completed', 'failed', 'worker-shutdown', 'intermittent-task', 'malformed-payload', 'internal-error'] as const
type Word = (typeof words)[number]

type Command =
  | { readonly type: 'create'; readonly id: string; readonly retries: number }
  | { readonly type: 'claim' }
  | { readonly type: 'expire' }
  | { readonly type: 'cancel'; readonly id: string }
  | { readonly type: 'rerun'; readonly id: string }
  | { readonly type: 'reclaim'; readonly id: string; readonly run: number }
  | { readonly type: 'report'; readonly id: string; readonly run: number; readonly word: Word }

interface Run {
  state: 'pending' | 'running' | 'completed' | 'failed' | 'exception'
  reasonResolved?: string
  /** Nobody ever claimed it. */
  isPhantom?: boolean
}

/** What the contract says, and nothing else. */
class Model {
  readonly tasks = new Map<string, { readonly retries: number; retriesLeft: number; readonly runs: Run[] }>()

  /** The status that the request is answered with. */
  apply(command: Command): number {
    if (command.type === 'create') return this.#create(command)
    if (command.type === 'claim') return this.#claim()
    if (command.type === 'expire') return this.#expire()
    const task = this.tasks.get(command.id)
    if (task === undefined) return 404
    const last = task.runs.at(-1) as Run
    const isOpen = last.state === 'pending' || last.state === 'running'
    if (command.type === 'cancel') {
      if (isOpen) end(last, 'exception', 'canceled')
      return 200
    }
    if (command.type === 'rerun') {
      if (isOpen) return 200
      if (last.isPhantom === true) task.runs.pop()
      task.runs.push({ state: 'pending', isPhantom: true })
      task.retriesLeft = task.retries
      return 200
    }
    const run = task.runs[command.run]
    if (run === undefined) return 404
    if (command.type === 'report' && run.reasonResolved === command.word) return 200
    if (run !== last || run.state !== 'running') return 409
    if (command.type === 'report') this.#report(command.id, command.word)
    return 200
  }

  #create({ id, retries }: Command & { type: 'create' }): number {
    const known = this.tasks.get(id)
    if (known !== undefined) return known.retries === retries ? 200 : 409
    this.tasks.set(id, { retries, retriesLeft: retries, runs: [{ state: 'pending', isPhantom: true }] })
    return 200
  }

  #claim(): number {
    for (const { runs } of this.tasks.values()) {
      const last = runs.at(-1) as Run
      if (last.state !== 'pending') continue
      last.state = 'running'
      last.isPhantom = false
      break
    }
    return 200
  }

  #expire(): number {
    for (const [id, { runs }] of this.tasks) if (runs.at(-1)?.state === 'running') this.#lose(id, 'claim-expired')
    return 200
  }

  #report(id: string, word: Word): void {
    const last = this.tasks.get(id)?.runs.at(-1) as Run
    if (word === 'completed' || word === 'failed') end(last, word, word)
    else if (word === 'worker-shutdown' || word === 'intermittent-task') this.#lose(id, word)
    else end(last, 'exception', word)
  }

  #lose(id: string, reason: string): void {
    const task = this.tasks.get(id)
    if (task === undefined) return
    end(task.runs.at(-1) as Run, 'exception', reason)
    if (task.retriesLeft === 0) return
    task.retriesLeft--
    task.runs.push({ state: 'pending', isPhantom: true })
  }
}

function end(run: Run, state: Run['state'], reasonResolved: string): void {
  run.state = state
  run.reasonResolved = reasonResolved
}

/** The real one, without a socket. */
async function real(clock: ManualClock) {
  const broker = await createQueueBroker({ ...memoryBackend(), clock, maintain: 'always', random: () => 0 })
  const client = createClient(broker, { clock })
  const { app } = createServer({ client })
  const created = new Map<string, Record<string, unknown>>()
  const call = async (method: string, path: string, body?: unknown) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    return app.fetch(new Request(`http://127.0.0.1/api/queue/v1${path}`, init))
  }
  const apply = async (command: Command): Promise<number> => {
    switch (command.type) {
      case 'create': {
        const given =
          created.get(command.id) ?? definition({ deadline: new Date(clock.now() + 4 * 86_400_000).toJSON() }, clock.now())
        created.set(command.id, given)
        return (await call('PUT', `/task/${command.id}`, { ...given, retries: command.retries })).status
      }
      case 'claim': {
        const claiming = call('POST', `/claim-work/${queueId}`, { workerGroup: 'group', workerId: 'w1' })
        await clock.advance('20s')
        return (await claiming).status
      }
      case 'expire':
        await clock.advance('21 minutes')
        return 200
      case 'cancel':
      case 'rerun':
        return (await call('POST', `/task/${command.id}/${command.type}`)).status
      case 'reclaim':
        return (await call('POST', `/task/${command.id}/runs/${command.run}/reclaim`)).status
      case 'report':
        return (await call('POST', ...report(command))).status
    }
  }
  const statuses = async () => {
    const { statuses: all } = (await (await call('POST', '/tasks/status', { taskIds: ids })).json()) as {
      statuses: { taskId: string; status: { retriesLeft: number; runs: Run[] } }[]
    }
    return all.map(({ taskId, status: { retriesLeft, runs } }) => ({ taskId, retriesLeft, runs: runs.map(shown) }))
  }
  return { apply, statuses, close: () => client.close() }
}

function report({ id, run, word }: Command & { type: 'report' }): [path: string, body?: unknown] {
  if (word === 'completed' || word === 'failed') return [`/task/${id}/runs/${run}/${word}`]
  return [`/task/${id}/runs/${run}/exception`, { reason: word }]
}

const shown = ({ state, reasonResolved }: Run) => ({ state, reasonResolved })

const id = fc.constantFrom(...ids)
const run = fc.integer({ min: 0, max: 3 })
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant('create' as const), id, retries: fc.constantFrom(0, 1, 1, 1) }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant('claim' as const) }) },
  fc.record({ type: fc.constant('expire' as const) }),
  fc.record({ type: fc.constant('cancel' as const), id }),
  fc.record({ type: fc.constant('rerun' as const), id }),
  fc.record({ type: fc.constant('reclaim' as const), id, run }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant('report' as const), id, run, word: fc.constantFrom(...words) }) },
)

test('whatever is asked in whatever order, answers and statuses are the model’s', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
      const model = new Model()
      const queue = await real(manualClock())
      try {
        for (const each of commands) {
          expect(await queue.apply(each), JSON.stringify(each)).toBe(model.apply(each))
          const expected = ids.flatMap((taskId) => {
            const task = model.tasks.get(taskId)
            return task === undefined ? [] : { taskId, retriesLeft: task.retriesLeft, runs: task.runs.map(shown) }
          })
          expect(await queue.statuses(), `after ${JSON.stringify(each)}`).toEqual(expected)
        }
      } finally {
        await queue.close()
      }
    }),
    { numRuns: 100 },
  )
})
