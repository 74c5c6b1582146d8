/** The command `stats`: Celery's keys first, then what Lovage adds. */
import type { CommandHandler, WorkerSurface } from '../module.ts'

export const stats: CommandHandler = (_args, worker) => statistics(worker)

/** Times in `uptime` are seconds, in `tasks` milliseconds; `clock` is a text, as Celery's is. */
export function statistics(worker: WorkerSurface): Readonly<Record<string, unknown>> {
  const { autoscaler, concurrency, load, registry } = worker
  const { range } = autoscaler
  const tasks = [...registry.values()].filter((task) => task.started > 0 || Object.values(task.outcomes).some((n) => n > 0))
  return {
    total: Object.fromEntries(tasks.map((task) => [task.definition.name, task.started])),
    pid: process.pid,
    clock: String(worker.lamport.value),
    uptime: Math.round((worker.clock.now() - worker.startedAt) / 1000),
    pool: { implementation: worker.pool.name, ...worker.pool.describe(), 'max-concurrency': concurrency },
    broker: { transport: worker.broker.name, hostname: null, port: null, userid: null, virtual_host: null },
    prefetch_count: worker.prefetch,
    rusage: resourceUsage(),
    ...(range === undefined ? {} : { autoscaler: { ...range, current: concurrency, qty: load.active + load.reserved } }),
    worker: worker.name,
    paused: worker.paused,
    stopping: worker.stopping,
    load,
    tasks: Object.fromEntries(tasks.map((task) => [task.definition.name, task.summary()])),
    modules: Object.fromEntries(worker.modules.map((module) => [module.name, module.describe?.() ?? {}])),
  }
}

/** Python's names; times in seconds, maxrss in kilobytes. */
function resourceUsage(): Readonly<Record<string, number>> {
  const usage = process.resourceUsage()
  return {
    utime: usage.userCPUTime / 1e6,
    stime: usage.systemCPUTime / 1e6,
    maxrss: usage.maxRSS,
    minflt: usage.minorPageFault,
    majflt: usage.majorPageFault,
    inblock: usage.fsRead,
    oublock: usage.fsWrite,
    nvcsw: usage.voluntaryContextSwitches,
    nivcsw: usage.involuntaryContextSwitches,
  }
}
