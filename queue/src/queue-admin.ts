/** The Admin port of the queue: what an operator can see and change. */
import type {
  Admin,
  ControlBus,
  Explanation,
  LogLine,
  QueueCount,
  QueueInfo,
  Schedules,
  Task,
  TaskPage,
  TaskQuery,
  WorkerInfo,
} from '@lovage/core'
import { checkName } from '@lovage/core'
import { applyToTasks } from './canceller.ts'
import type { Engine } from './engine.ts'
import { explainTask } from './explain.ts'
import { sharedSecret } from './shared-secret.ts'
import { QueueWorkerPools } from './worker-pools.ts'
import type { WorkerRegistry } from './worker-registry.ts'

const pausedKind = 'paused'

export class QueueAdmin implements Admin {
  readonly schedules: Schedules
  readonly pools: QueueWorkerPools
  readonly #engine: Engine
  readonly #registry: WorkerRegistry

  constructor(engine: Engine, registry: WorkerRegistry, schedules: Schedules, control: ControlBus) {
    this.#engine = engine
    this.#registry = registry
    this.schedules = schedules
    this.pools = new QueueWorkerPools(engine, registry, control)
  }

  find(query: TaskQuery): Promise<TaskPage> {
    return this.#engine.store.find(query)
  }

  get(ids: readonly string[]): Promise<readonly (Task | undefined)[]> {
    return this.#engine.store.get(ids)
  }

  logs(id: string): Promise<readonly LogLine[]> {
    return this.#engine.store.logs(id)
  }

  explain(id: string): Promise<Explanation> {
    return explainTask(this.#engine, this.#registry, id)
  }

  retry(ids: readonly string[]): Promise<readonly boolean[]> {
    return applyToTasks(this.#engine, ids, { type: 'rerun' })
  }

  async queues(states?: readonly Task['state'][]): Promise<readonly QueueInfo[]> {
    const [counts, paused, workers] = await Promise.all([
      this.#engine.store.counts(states),
      this.#engine.store.records.list(pausedKind),
      this.#registry.alive(),
    ])
    const pausedQueues = new Set(paused.map((record) => record.key))
    const byQueue = new Map<string, QueueCount[]>()
    for (const name of [...pausedQueues, ...workers.flatMap((worker) => worker.queues)]) byQueue.set(name, [])
    for (const count of counts) byQueue.set(count.queue, [...(byQueue.get(count.queue) ?? []), count])
    return [...byQueue].sort(([a], [b]) => (a < b ? -1 : 1)).map(([queue, of]) => queueInfo(queue, of, pausedQueues.has(queue)))
  }

  async pauseQueue(queue: string): Promise<void> {
    const value = JSON.stringify({ at: this.#engine.clock.now() })
    await this.#engine.store.records.write([{ kind: pausedKind, key: checkName(queue, 'queue'), value }])
  }

  async resumeQueue(queue: string): Promise<void> {
    await this.#engine.store.records.write([{ kind: pausedKind, key: checkName(queue, 'queue'), value: null }])
    this.#engine.announcer.ready([queue])
  }

  workers(): Promise<readonly WorkerInfo[]> {
    return this.#registry.alive()
  }

  secret(name: string): Promise<string> {
    return sharedSecret(this.#engine, name)
  }
}

function queueInfo(queue: string, counts: readonly QueueCount[], paused: boolean): QueueInfo {
  const oldest = counts.find((count) => count.state === 'pending')?.oldestAt
  return {
    queue,
    paused,
    counts: Object.fromEntries(counts.map((count) => [count.state, count.count])),
    ...(oldest === undefined ? {} : { oldestPendingAt: oldest }),
  }
}
