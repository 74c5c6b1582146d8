/** Remote control of workers that know nothing of it: the gateway answers what it knows of them, and does what it can. */
import { ConfigError, type ControlHandler, durationMs, type Task } from '@lovage/core'
import type { Attendant } from './attendant.ts'
import type { PauseEntry } from './pause-book.ts'
import { insist, type Surroundings } from './surroundings.ts'

/** What commands ask of the gateway. Lengths of time are milliseconds. */
export interface CommandsHome {
  pauseOf(id: string): PauseEntry | undefined
  pause(id: string, ms: number, reason: string): Promise<void>
  resume(id: string): Promise<boolean>
}

type Args = Readonly<Record<string, unknown>>

/** Serves commands in the name of a worker, until the answer is called. */
export async function serveItem(around: Surroundings, attendant: Attendant, home: CommandsHome): Promise<() => Promise<void>> {
  const { control } = around.buses
  if (control === undefined) return async () => {}
  const commands = commandsOf(around, attendant, home, around.clock.now())
  const obey: ControlHandler = (method, args) => {
    const command = Object.hasOwn(commands, method) ? commands[method] : undefined
    if (command !== undefined) return command(args)
    const known = Object.keys(commands).sort().join(', ')
    const message = `expected one of the commands that a gateway answers for a worker (${known}), got: ${method}`
    throw new ConfigError('UNSUPPORTED', message)
  }
  const { worker } = attendant.who
  return insist(around, `serving commands to worker ${worker}`, () => control.serve(worker, obey))
}

function commandsOf(around: Surroundings, attendant: Attendant, home: CommandsHome, since: number) {
  const { session, who } = attendant
  const { id, queues } = who.registration
  const active = () => session.tasks.map((task) => taskInfo(task, who.worker))
  const commands: Readonly<Record<string, (args: Args) => unknown>> = {
    ping: () => ({ ok: 'pong' }),
    active,
    reserved: () => [],
    scheduled: () => [],
    revoked: () => [],
    registered: () => [],
    active_queues: () => queues.map((name) => ({ name, routing_key: name, exchange: { name, type: 'direct' } })),
    clock: () => ({ clock: 0 }),
    hello: () => null,
    stats: () => statistics(around, attendant, home.pauseOf(id), since),
    query_task: ({ ids }) => {
      const wanted = new Set(textsOf(ids))
      return Object.fromEntries(active().flatMap((info) => (wanted.has(info.id) ? [[info.id, ['active', info]]] : [])))
    },
    async pause({ duration, reason }) {
      const ms = duration === undefined ? around.settings.pauseMs : durationMs(duration as string | number, 'duration')
      await home.pause(id, ms, typeof reason === 'string' ? reason : 'paused by an operator')
      return { ok: `paused until ${new Date(home.pauseOf(id)?.until ?? around.clock.now()).toISOString()}` }
    },
    resume: async () => ({ ok: (await home.resume(id)) ? 'resumed' : 'it was not paused' }),
    terminate: (args) => terminate(around, attendant, textsOf(args.task_id)),
    revoke(args) {
      if (args.terminate === true) return terminate(around, attendant, textsOf(args.task_id))
      throw new ConfigError(
        'UNSUPPORTED',
        'expected --terminate for a worker of a gateway; what waits is ended by `lovage cancel`',
      )
    },
  }
  return commands
}

/** Ends what runs here of these: the worker is told, where it can be. */
async function terminate(
  { buses }: Surroundings,
  { session }: Attendant,
  ids: readonly string[],
): Promise<{ readonly ok: string }> {
  const here = session.running.filter((id) => ids.includes(id))
  if (here.length === 0) return { ok: 'terminate: tasks unknown' }
  if (buses.tasks?.cancel === undefined) throw new ConfigError('UNSUPPORTED', 'this gateway has no bus to cancel tasks on')
  await buses.tasks.cancel(here, 'terminated')
  return { ok: `terminate: ${here.join(', ')}` }
}

/** Celery's keys first; times in `uptime` are seconds. */
function statistics({ clock }: Surroundings, attendant: Attendant, pause: PauseEntry | undefined, since: number) {
  const { session, who } = attendant
  const active = session.running.length
  const shown = pause && { until: new Date(pause.until).toISOString(), reason: pause.reason, count: pause.count }
  return {
    total: session.taken,
    clock: '0',
    uptime: Math.round((clock.now() - since) / 1000),
    pool: { implementation: 'socketio', 'max-concurrency': session.capacity },
    broker: { transport: 'socketio', hostname: null, port: null, userid: null, virtual_host: null },
    prefetch_count: session.capacity,
    worker: who.worker,
    level: who.registration.level,
    connected: session.isAttached,
    paused: pause !== undefined,
    ...(shown === undefined ? {} : { pause: shown }),
    stopping: session.isDraining,
    load: { active, reserved: 0, processed: Object.values(session.taken).reduce((sum, count) => sum + count, 0) - active },
  }
}

/** As a worker's own `active` shows it. */
function taskInfo({ id, name, queue, priority, run, startedAt, extras }: Task, worker: string) {
  return {
    id,
    name,
    type: name,
    args: extras?.args ?? [],
    kwargs: extras?.kwargs ?? {},
    hostname: worker,
    time_start: startedAt === undefined ? null : startedAt / 1000,
    acknowledged: false,
    delivery_info: { exchange: '', routing_key: queue, priority, redelivered: run > 0 },
    worker_pid: null,
  }
}

function textsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string')
}
