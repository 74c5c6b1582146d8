/** The commands that change the worker itself: its places, queues, events, and whether it goes on. */
import { ConfigError, checkName } from '@lovage/core'
import { autoscaleRange } from '../autoscaler.ts'
import type { CommandHandler, WorkerSurface } from '../module.ts'
import { software } from '../software.ts'
import { type Args, count, text } from './arguments.ts'

const pool_grow: CommandHandler = (args, worker) => {
  refuseAutoscaled(worker, 'pool_grow')
  worker.resize(worker.concurrency + count(args, 'n', 1))
  return { ok: 'pool will grow', concurrency: worker.concurrency }
}

const pool_shrink: CommandHandler = (args, worker) => {
  refuseAutoscaled(worker, 'pool_shrink')
  worker.resize(Math.max(1, worker.concurrency - count(args, 'n', 1)))
  return { ok: 'pool will shrink', concurrency: worker.concurrency }
}

const autoscale: CommandHandler = (args, worker) => {
  const current = worker.autoscaler.range
  const min = count(args, 'min', current?.min ?? 1)
  const range = autoscaleRange(min, count(args, 'max', current?.max ?? Math.max(min, worker.concurrency)))
  worker.autoscaler.set(range)
  return { ok: `autoscale now max=${range.max} min=${range.min}` }
}

const add_consumer: CommandHandler = async (args, worker) => {
  const queue = queueOf(args)
  await worker.addQueue(queue)
  return { ok: `add consumer ${queue}` }
}

const cancel_consumer: CommandHandler = async (args, worker) => {
  const queue = queueOf(args)
  await worker.cancelQueue(queue)
  return { ok: `no longer consuming from ${queue}` }
}

const enable_events: CommandHandler = (_args, worker) => {
  if (worker.events.tasksWanted) return { ok: 'task events already enabled' }
  worker.events.tasksWanted = true
  return { ok: 'task events enabled' }
}

const disable_events: CommandHandler = (_args, worker) => {
  if (!worker.events.tasksWanted) return { ok: 'task events already disabled' }
  worker.events.tasksWanted = false
  return { ok: 'task events disabled' }
}

const heartbeat: CommandHandler = (_args, worker) => {
  worker.events.tell('worker-heartbeat', { freq: 5, ...software })
  return null
}

/** The stop is not awaited: the reply goes out while the worker ends. */
const shutdown: CommandHandler = (_args, worker) => {
  void worker.stop()
  return { ok: 'shutting down' }
}

const pause: CommandHandler = (_args, worker) => {
  worker.pause()
  return { ok: 'paused' }
}

const resume: CommandHandler = (_args, worker) => {
  worker.resume()
  return { ok: 'resumed' }
}

function refuseAutoscaled(worker: WorkerSurface, method: string): void {
  if (worker.autoscaler.range === undefined) return
  throw new ConfigError('UNSUPPORTED', `${method} is not supported with autoscale. Adjust autoscale range instead.`)
}

function queueOf(args: Args): string {
  return checkName(text(args, 'queue'), 'queue')
}

export const changeCommands = {
  pool_grow,
  pool_shrink,
  autoscale,
  add_consumer,
  cancel_consumer,
  enable_events,
  disable_events,
  heartbeat,
  shutdown,
  pause,
  resume,
} satisfies Record<string, CommandHandler>
