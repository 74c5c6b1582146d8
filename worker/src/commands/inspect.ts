/** The commands that only look. */
import { inspect } from 'node:util'
import type { CommandHandler, WorkerSurface } from '../module.ts'
import { revokedFromWire, revokedToWire } from '../revoked-wire.ts'
import { software } from '../software.ts'
import type { RegisteredTask } from '../task-registry.ts'
import { textList } from './arguments.ts'
import { queueInfo } from './queue-info.ts'
import { statistics } from './stats.ts'
import { scheduledInfo, taskInfo } from './task-info.ts'

const ping: CommandHandler = () => ({ ok: 'pong' })

const active: CommandHandler = (_args, worker) => worker.active().map((run) => taskInfo(run, worker.name))

const reserved: CommandHandler = (_args, worker) => worker.reserved().map((run) => taskInfo(run, worker.name))

const scheduled: CommandHandler = (_args, worker) => worker.scheduled().map((run) => scheduledInfo(run, worker.name))

const revoked: CommandHandler = (_args, worker) => worker.revoked.list()

const registered: CommandHandler = (_args, worker) => [...worker.registry.values()].map(registeredText).sort()

const query_task: CommandHandler = (args, worker) => {
  const wanted = new Set(textList(args, 'ids'))
  const found: Record<string, readonly [string, unknown]> = {}
  for (const [place, runs] of [['reserved', worker.reserved()] as const, ['active', worker.active()] as const]) {
    for (const run of runs) if (wanted.has(run.message.id)) found[run.message.id] = [place, taskInfo(run, worker.name)]
  }
  return found
}

const conf: CommandHandler = (_args, worker) => settingsOf(worker)

const report: CommandHandler = (_args, worker) => {
  const facts = { settings: settingsOf(worker), stats: statistics(worker) }
  const system = `node ${process.version} on ${process.platform} ${process.arch}`
  return { ok: `${software.sw_ident} ${software.sw_ver}, ${system}\n${inspect(facts, { depth: 5, breakLength: 120 })}` }
}

const active_queues: CommandHandler = (_args, worker) => worker.queues.map(queueInfo)

const clock: CommandHandler = (_args, worker) => ({ clock: worker.lamport.value })

const hello: CommandHandler = (args, worker) => {
  if (args.from_node === worker.name) return null
  const theirs = revokedFromWire(args.revoked)
  if (theirs.length > 0) worker.revoke(theirs)
  return { revoked: revokedToWire(worker.revoked, worker.clock.now()), clock: worker.lamport.tick() }
}

function registeredText({ definition, rate }: RegisteredTask): string {
  return rate === undefined ? definition.name : `${definition.name} [rate_limit=${rate}]`
}

function settingsOf(worker: WorkerSurface): Readonly<Record<string, unknown>> {
  return {
    name: worker.name,
    broker: worker.broker.name,
    pool: worker.pool.name,
    concurrency: worker.concurrency,
    autoscale: worker.autoscaler.range ?? null,
    queues: worker.queues,
    tasks: [...worker.registry.keys()].sort(),
    modules: worker.modules.map((module) => module.name),
    events: worker.events.tasksWanted,
    ...worker.settings,
  }
}

export const inspectCommands = {
  ping,
  active,
  reserved,
  scheduled,
  revoked,
  registered,
  query_task,
  conf,
  report,
  active_queues,
  clock,
  hello,
} satisfies Record<string, CommandHandler>
