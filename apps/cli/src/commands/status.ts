/** `lovage status`: workers, queues and pools at a glance. */
import type { Client } from '@lovage/client'
import type { QueueInfo, WorkerInfo } from '@lovage/core'
import { withBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Action } from '../invocation.ts'
import { type PoolStatus, readPools } from '../provisioning/read-pools.ts'
import { painter } from '../render/paint.ts'
import { poolRows } from '../render/pool-rows.ts'
import { queueRows } from '../render/queue-rows.ts'
import { type WorkerStatus, workerRows } from '../render/worker-rows.ts'
import { queueNames } from '../running/worker-process.ts'
import { print, printJson, type Terminal } from '../terminal.ts'

interface StatusFlags {
  /** Milliseconds. */
  readonly timeout: number
}

export const status: Action<StatusFlags> = async (invocation) => {
  const { terminal, settings, options } = invocation
  const { workers, queues, pools } = await withBroker(invocation, async (broker) => ({
    workers: await readWorkers(broker, options.timeout),
    queues: await broker.admin?.queues(),
    pools: broker.admin === undefined ? [] : await readPools(broker.admin),
  }))
  if (settings.json) {
    const document = { broker: settings.broker, workers, ...(queues === undefined ? {} : { queues }) }
    printJson(
      terminal,
      pools.length === 0 ? document : { ...document, pools: pools.map(({ pool, ...rest }) => ({ ...pool, ...rest })) },
    )
  } else {
    printStatus(terminal, settings.broker, workers, queues)
    printPools(terminal, pools)
  }
  return exitCodes.done
}

/** Workers that the broker knows, and what each says of itself; those that keep silent are told apart. */
async function readWorkers(broker: Client, timeoutMs: number): Promise<readonly WorkerStatus[]> {
  const known = (await broker.admin?.workers()) ?? undefined
  if (known?.length === 0) return []
  const destination = known?.map((worker) => worker.name)
  const [replies, lines] = await Promise.all([
    broker.control.request('stats', {}, { timeoutMs, destination }),
    // Where nobody keeps a list of workers, each says itself what it consumes.
    known === undefined ? broker.control.request('active_queues', {}, { timeoutMs }) : [],
  ])
  const stats = new Map(replies.map((reply) => [reply.worker, reply.ok ? reply.value : undefined]))
  const queues = new Map(lines.map((reply) => [reply.worker, reply.ok ? queueNames(reply.value) : undefined]))
  const named = known ?? replies.map(({ worker: name }) => ({ name, queues: queues.get(name) }))
  return named.map((worker) => workerStatus(worker, stats.get(worker.name)))
}

/** The parts of a `stats` reply that are shown; foreign workers leave some out. */
interface Stats {
  readonly pid?: number
  readonly uptime?: number
  readonly paused?: boolean
  readonly pause?: { readonly until: string; readonly reason: string }
  readonly stopping?: boolean
  readonly total?: Readonly<Record<string, number>>
  readonly pool?: { readonly 'max-concurrency'?: number }
  readonly load?: { readonly active?: number; readonly processed?: number }
}

function workerStatus(worker: Pick<WorkerInfo, 'name'> & Partial<WorkerInfo>, reply: unknown): WorkerStatus {
  const stats = (reply ?? {}) as Stats
  const started = Object.values(stats.total ?? {}).reduce((sum, count) => sum + count, 0)
  return {
    name: worker.name,
    pid: worker.pid ?? stats.pid,
    queues: worker.queues,
    tasks: worker.tasks?.map((task) => task.name),
    startedAt: worker.startedAt,
    answered: reply !== undefined,
    paused: stats.paused,
    ...(stats.pause === undefined ? {} : { pause: stats.pause }),
    stopping: stats.stopping,
    active: stats.load?.active,
    concurrency: stats.pool?.['max-concurrency'],
    processed: reply === undefined ? undefined : (stats.load?.processed ?? started),
    uptime: stats.uptime,
  }
}

function printStatus(
  terminal: Terminal,
  broker: string,
  workers: readonly WorkerStatus[],
  queues: readonly QueueInfo[] | undefined,
): void {
  const paint = painter(terminal.out)
  const { columns } = terminal.out
  const now = Date.now()
  print(terminal.out, `${paint('bold', 'Workers')} on ${broker}`)
  if (workers.length === 0) print(terminal.out, 'no workers; start one with `lovage worker FILE`')
  else for (const line of workerRows(workers, paint, now, columns)) print(terminal.out, line)
  if (queues === undefined) return
  print(terminal.out)
  print(terminal.out, paint('bold', 'Queues'))
  if (queues.length === 0) print(terminal.out, 'no queues; they come with the first task')
  else for (const line of queueRows(queues, paint, now, columns)) print(terminal.out, line)
}

function printPools(terminal: Terminal, pools: readonly PoolStatus[]): void {
  if (pools.length === 0) return
  const paint = painter(terminal.out)
  print(terminal.out)
  print(terminal.out, paint('bold', 'Worker pools'))
  for (const line of poolRows(pools, paint, Date.now(), terminal.out.columns)) print(terminal.out, line)
}
