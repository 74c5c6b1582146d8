/** Many callers at once, on two servers over one store: whatever they do to each other, each run is claimed and resolved once. */
import { createClient } from '@lovage/client'
import { createQueueBroker } from '@lovage/queue'
import { memoryBackend } from '@lovage/store-memory'
import { manualClock } from '@lovage/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createServer } from '../index.ts'
import { definition } from './fixtures/hall.ts'

const queueId = 'test-prov/test-type'
const ids = ['a', 'b', 'c', 'd']
const words = ['completed', 'failed', 'worker-shutdown', 'intermittent-task', 'internal-error'] as const

interface Run {
  readonly runId: number
  readonly state: string
  readonly reasonResolved?: string
}
interface Status {
  readonly taskId: string
  readonly state: string
  readonly retriesLeft: number
  readonly runs: readonly Run[]
}

type Step = { readonly server: number } & (
  | { readonly type: 'claim'; readonly tasks: number }
  | { readonly type: 'report'; readonly id: string; readonly run: number; readonly word: (typeof words)[number] }
  | { readonly type: 'cancel' | 'rerun' | 'reclaim' | 'crash'; readonly id: string; readonly run: number }
)

const server = fc.constantFrom(0, 1)
const place = { server, id: fc.constantFrom(...ids), run: fc.integer({ min: 0, max: 2 }) }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ server, type: fc.constant('claim' as const), tasks: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ ...place, type: fc.constant('report' as const), word: fc.constantFrom(...words) }) },
  fc.record({ ...place, type: fc.constantFrom('cancel' as const, 'rerun' as const, 'reclaim' as const, 'crash' as const) }),
)

/** What was answered, by whomever. */
interface Notes {
  /** Every claim, as `task run`. */
  readonly claims: string[]
  /** The words under which a run was reported with success, as `task run`. */
  readonly reports: Map<string, Set<string>>
}

async function twoServers() {
  const { store, signal, liveness } = memoryBackend()
  const clock = manualClock()
  const clients = await Promise.all(
    [0, 1].map(async () =>
      createClient(await createQueueBroker({ store, signal, liveness, clock, maintain: 'always', random: () => 0 }), { clock }),
    ),
  )
  const apps = clients.map((client) => createServer({ client }).app)
  const call = async (at: number, method: string, path: string, body?: unknown) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    const response = await apps[at]?.fetch(new Request(`http://127.0.0.1/api/queue/v1${path}`, init))
    // biome-ignore lint/suspicious/noExplicitAny: whatever the server says
    return { status: response?.status, body: (await response?.json()) as any }
  }
  return { clock, call, close: () => Promise.all(clients.map((client) => client.close())) }
}

type Servers = Awaited<ReturnType<typeof twoServers>>

async function take({ call }: Servers, step: Step, notes: Notes): Promise<void> {
  if (step.type === 'claim') {
    const who = { workerGroup: 'group', workerId: `w${step.server}`, tasks: step.tasks }
    const { body } = await call(step.server, 'POST', `/claim-work/${queueId}`, who)
    for (const { status, runId } of body.tasks) notes.claims.push(`${status.taskId} ${runId}`)
    return
  }
  const { id, run } = step
  if (step.type === 'crash') await call(step.server, 'POST', `/workers/${queueId}/group/w${run % 2}/crashed`)
  else if (step.type === 'report') {
    const isVerdict = step.word === 'completed' || step.word === 'failed'
    const path = `/task/${id}/runs/${run}/${isVerdict ? step.word : 'exception'}`
    const { status, body } = await call(step.server, 'POST', path, isVerdict ? undefined : { reason: step.word })
    expect([200, 404, 409]).toContain(status)
    if (status !== 200) return
    expect(body.status.runs[run].reasonResolved).toBe(step.word)
    const key = `${id} ${run}`
    notes.reports.set(key, (notes.reports.get(key) ?? new Set()).add(step.word))
  } else await call(step.server, 'POST', step.type === 'reclaim' ? `/task/${id}/runs/${run}/reclaim` : `/task/${id}/${step.type}`)
}

function check({ taskId, state, runs }: Status, notes: Notes): void {
  expect(runs.map(({ runId }) => runId)).toEqual(runs.map((_, index) => index))
  expect(state).toBe(runs.at(-1)?.state)
  for (const run of runs.slice(0, -1)) expect(['completed', 'failed', 'exception']).toContain(run.state)
  for (const { runId, reasonResolved } of runs) {
    const said = [...(notes.reports.get(`${taskId} ${runId}`) ?? [])]
    if (said.length > 0) expect(said, `what was said of run ${runId} of ${taskId}`).toEqual([reasonResolved])
  }
}

test('each run is claimed once and resolved one way', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { minLength: 2, maxLength: 8 }), { minLength: 2, maxLength: 8 }), async (rounds) => {
      const servers = await twoServers()
      const notes: Notes = { claims: [], reports: new Map() }
      try {
        const deadline = new Date(servers.clock.now() + 4 * 86_400_000).toJSON()
        for (const id of ids)
          await servers.call(0, 'PUT', `/task/${id}`, definition({ deadline, retries: 2 }, servers.clock.now()))
        for (const [index, round] of rounds.entries()) {
          const all = Promise.all(round.map((each) => take(servers, each, notes)))
          // Claims that find nothing wait; every third round claims end meanwhile.
          await servers.clock.advance(index % 3 === 2 ? '21 minutes' : '20s')
          await all
        }
        expect(new Set(notes.claims).size, 'no run is claimed twice').toBe(notes.claims.length)
        const { body } = await servers.call(1, 'POST', '/tasks/status', { taskIds: ids })
        for (const { status } of body.statuses as { status: Status }[]) check(status, notes)
      } finally {
        await servers.close()
      }
    }),
    { numRuns: 100 },
  )
})
