/** Celery's commands in front of a worker's own: old names, commands that only Celery has, and replies with all of Celery's keys. */
import { ConfigError, type ControlHandler, type WorkerEvent } from '@lovage/core'
import type { Member } from '../member.ts'
import type { RevokedStamps } from '../tasks/revoked-stamps.ts'
import { reportText } from './report.ts'
import { brokerFacts, isFields, queueFacts, taskFacts } from './task-facts.ts'

type Args = Readonly<Record<string, unknown>>

export interface CommandSurroundings {
  readonly member: Member
  /** `name@host`. */
  readonly worker: string
  /** Emits an event. */
  readonly tell: (event: WorkerEvent) => void
  readonly handler: ControlHandler
  readonly stamps: RevokedStamps
  readonly builtInNames: readonly string[]
}

/**
 * An election (celery.md 19) is won among those who stand for it when all others have acknowledged. This worker never stands, for it
 * could not do what is elected for, and acknowledges when everybody has had the time to stand, in milliseconds.
 */
const electionMs = 1000

/** Names of older versions. */
const aliases: Readonly<Record<string, string>> = {
  dump_active: 'active',
  dump_reserved: 'reserved',
  dump_schedule: 'scheduled',
  dump_revoked: 'revoked',
  dump_tasks: 'registered',
  dump_conf: 'conf',
}

type Amendment = (reply: unknown, args: Args, surroundings: CommandSurroundings) => unknown

const amendTasks: Amendment = (reply, { safe }, { member }) =>
  listOf(reply).map((task) => taskFacts(task, member.held, safe === true))

const amendments: Readonly<Record<string, Amendment>> = {
  active: amendTasks,
  reserved: amendTasks,
  scheduled: (reply, _args, { member }) =>
    listOf(reply).map((entry) => (isFields(entry) ? { ...entry, request: taskFacts(entry.request, member.held, false) } : entry)),
  query_task: (reply, _args, { member }) => {
    if (!isFields(reply)) return reply
    const pairs = Object.entries(reply).map(([id, pair]) => {
      const [place, task] = listOf(pair)
      return [id, [place, taskFacts(task, member.held, false)]]
    })
    return Object.fromEntries(pairs)
  },
  registered: (reply, { builtins }, { builtInNames }) => (builtins === true ? [...listOf(reply), ...builtInNames].sort() : reply),
  active_queues: (reply, _args, { member }) =>
    listOf(reply).map((entry) => {
      if (!isFields(entry) || typeof entry.name !== 'string') return entry
      return queueFacts(entry, member.router.queue(member.router.nameOf(entry.name)))
    }),
  stats: (reply, _args, { member }) =>
    isFields(reply) ? { ...reply, broker: brokerFacts(member.url, member.transport.kind) } : reply,
  conf: (reply, _args, { member }) => (isFields(reply) ? { ...reply, ...member.settings } : reply),
}

/** Commands that a worker of Lovage does not have. */
const commands: Readonly<Record<string, (args: Args, surroundings: CommandSurroundings) => unknown>> = {
  revoke_by_stamped_headers: async (args, { stamps, member, handler }) => {
    const found = stamps.add(args.headers)
    const ids = member.held.ids((request) => stamps.matches(request))
    const terminate = args.terminate === true
    if (ids.length > 0) await handler('revoke', { task_id: ids, terminate, signal: args.signal })
    const text = `headers ${found}`
    if (!terminate) return { ok: `${text} flagged as revoked, but not terminated` }
    return { ok: ids.length === 0 ? `${text} were not terminated` : `${text} revoked` }
  },
  election: ({ id }, { member: { clock }, worker, tell }) => {
    clock.at(clock.now() + electionMs, () => tell({ type: 'worker-elect-ack', at: clock.now(), worker, pid: process.pid, id }))
    return null
  },
  report: async (_args, surroundings) => {
    const ask = celeryCommands(surroundings)
    const own = await surroundings.handler('report', {})
    return { ok: reportText(own, await ask('conf', {}), await ask('stats', {}), surroundings.member) }
  },
  pool_restart: () => {
    throw new ConfigError('UNSUPPORTED', 'Pool restarts not enabled')
  },
  memsample: () => null,
  memdump: () => ({ ok: `${process.memoryUsage().rss} bytes resident` }),
}

/** The handler of a worker as Celery's operators expect it to answer. */
export function celeryCommands(surroundings: CommandSurroundings): ControlHandler {
  return async (method, args) => {
    const name = Object.hasOwn(aliases, method) ? (aliases[method] as string) : method
    const own = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (own !== undefined) return own(args, surroundings)
    const reply = await surroundings.handler(name, args)
    const amend = Object.hasOwn(amendments, name) ? amendments[name] : undefined
    return amend === undefined ? reply : amend(reply, args, surroundings)
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
