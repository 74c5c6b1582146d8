/**
 * Workers on PostgreSQL and RabbitMQ while everything around them goes wrong: nothing is lost, every task is resolved once, and each
 * run more than needed has its reason. A longer run: `LOVAGE_CHAOS_SECONDS=600 npx vitest run lovage/src/postgres-rabbitmq-chaos.test.ts`.
 */
import { randomInt } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LovageError, type Task } from '@lovage/core'
import { startPostgres, startRabbitmq } from '@lovage/services'
import { v7 } from 'uuid'
import { afterAll, expect, test, vi } from 'vitest'
import { Chaos, pause } from './fixtures/chaos.ts'
import { type Client, connect } from './index.ts'

const seconds = Number(process.env.LOVAGE_CHAOS_SECONDS ?? 20)
const [postgres, rabbitmq] = await Promise.all([startPostgres({ settings: { max_connections: 200 } }), startRabbitmq()])
const folder = await mkdtemp(join(tmpdir(), 'lovage-chaos-'))
afterAll(async () => {
  await Promise.all([postgres.stop(), rabbitmq.stop()])
  await rm(folder, { recursive: true })
})

/** The same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Sends until it is known that the task is there: the same id makes sending it again harmless. */
async function sendSurely(broker: Client, id: string, index: number, random: () => number): Promise<void> {
  const ms = Math.floor(random() * 40)
  for (;;) {
    try {
      if (index % 25 === 0) await broker.send('doomed', { ms }, { id, retryLimit: 0, lostLimit: 1000 } as never)
      else await broker.send('rocky', { ms, seed: index }, { id, lostLimit: 1000 } as never)
      return
    } catch (error) {
      if (!LovageError.is(error) || !error.code.startsWith('STORE_')) throw error
      await pause(100)
    }
  }
}

/** The runs that began, by task. */
async function begunRuns(ledger: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const runs = new Map<string, number[]>()
  for (const line of (await readFile(ledger, 'utf8')).trim().split('\n')) {
    const [id = '', run] = line.split(' ')
    runs.set(id, [...(runs.get(id) ?? []), Number(run)])
  }
  return runs
}

/**
 * Why a task began more often than once, by reason. `undone`: the same run again, whose first claim a crash of the database undid.
 * `unbegun`: after a first loss only runs that have begun are recorded, and this one began as it was being taken away.
 */
function reasonsFor(task: Task, begun: readonly number[]): Readonly<Record<string, number>> {
  const reasons: Record<string, number> = {}
  const count = (reason: string) => {
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  for (const run of new Set(begun)) {
    const ended = task.runs.find((record) => record.run === run)
    const unrecorded = task.lost > 0 ? 'unbegun' : `unexplained run ${run} of ${task.id}`
    if (run !== task.run) count(ended?.outcome ?? unrecorded)
  }
  for (let again = begun.length - new Set(begun).size; again > 0; again--) count('undone')
  return reasons
}

test('nothing is lost and every task is resolved once, whatever happens around it', {
  timeout: (seconds + 240) * 1000,
}, async () => {
  const seed = randomInt(2 ** 31)
  const random = randomFrom(seed)
  const ledger = join(folder, 'ledger')
  await writeFile(ledger, '')
  const url = await postgres.database()
  const broker = await connect(url, { signal: rabbitmq.url, heartbeat: '2s', logger: silent })
  const chaos = new Chaos({ postgres, rabbitmq, url, ledger, workers: 4 })
  const ids: string[] = []
  try {
    await chaos.hire()
    const until = performance.now() + seconds * 1000
    const raging = chaos.rage(until, random)
    let isOver = false
    const over = raging.finally(() => {
      isOver = true
    })
    while (!isOver) {
      const batch = Array.from({ length: 10 }, () => v7())
      await Promise.all(batch.map((id, index) => sendSurely(broker, id, ids.length + index, random)))
      ids.push(...batch)
      await pause(60)
    }
    await over
    await vi.waitFor(
      async () => {
        const open = await broker.admin?.find({ states: ['blocked', 'scheduled', 'pending', 'running'], limit: 1 })
        expect(open?.tasks).toEqual([])
      },
      { timeout: 120_000, interval: 250 },
    )
    const tasks = ((await broker.admin?.get(ids)) ?? []).flatMap((task) => task ?? [])
    expect(tasks.map(({ id }) => id)).toEqual(ids)
    for (const [index, { state, reason, result }] of tasks.entries()) {
      if (index % 25 === 0) expect(state, `${reason}`).toBe('failed')
      else expect({ state, result }).toEqual({ state: 'completed', result: String(index) })
    }
    const [queue] = (await broker.admin?.queues()) ?? []
    expect((queue?.counts.completed ?? 0) + (queue?.counts.failed ?? 0)).toBe(ids.length)

    const begun = await begunRuns(ledger)
    const reasons: Record<string, number> = {}
    for (const task of tasks) {
      const runs = begun.get(task.id) ?? []
      expect(runs, `task ${task.id} is resolved without a run`).not.toEqual([])
      for (const [reason, n] of Object.entries(reasonsFor(task, runs))) reasons[reason] = (reasons[reason] ?? 0) + n
    }
    const known = ['retried', 'lost', 'expired', 'released', 'undone', 'unbegun']
    expect(Object.keys(reasons).filter((reason) => !known.includes(reason))).toEqual([])
    if (chaos.mishaps.crashDatabase === 0) expect(reasons.undone ?? 0).toBe(0)
    process.stdout.write(
      `chaos ${seed}: ${ids.length} tasks; ${JSON.stringify(chaos.mishaps)}; runs more than one: ${JSON.stringify(reasons)}\n`,
    )
  } finally {
    chaos.dismiss()
    await broker.close().catch(() => {})
  }
})

const silent = { debug() {}, info() {}, warn() {}, error() {} }
