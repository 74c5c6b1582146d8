/** Sees what one pool has to do, and where its workers are. */
import {
  type PoolLoad,
  type PoolWorker,
  type ProvidedPool,
  poolWorkerKey,
  poolWorkerName,
  type WorkerInfo,
  type WorkerSight,
} from '@lovage/core'
import type { Engine } from '../engine.ts'
import type { WorkerRegistry } from '../worker-registry.ts'
import { countClaimable, countTasks } from './pool-tasks.ts'

/** So long after nobody could look, who is missing may be on its way back, in milliseconds: processes connect again in their own time. */
const returnMs = 10_000

export interface PoolSights {
  readonly tasks: Pick<PoolLoad, 'pending' | 'claimed'>
  /** By the key of the worker's record. */
  readonly sights: ReadonlyMap<string, WorkerSight>
}

export class PoolScout {
  readonly #engine: Engine
  readonly #registry: WorkerRegistry
  readonly #provided: ProvidedPool
  readonly #holder: string
  /** What its workers can run: known from the beginning, or learnt from them. */
  #names: ReadonlySet<string> | undefined
  #missing: ReadonlyMap<string, number> = new Map()
  /** Since when workers, by key, were not seen to take tasks. */
  #unseen: ReadonlyMap<string, number> = new Map()
  #backBy = Number.NEGATIVE_INFINITY

  constructor(engine: Engine, registry: WorkerRegistry, provided: ProvidedPool, holder: string) {
    this.#engine = engine
    this.#registry = registry
    this.#provided = provided
    this.#holder = holder
    this.#names = provided.tasks === undefined ? undefined : new Set(provided.tasks)
  }

  /** @param launched the workers that this process has launched and that have not ended */
  async look(workers: readonly PoolWorker[], launched: ReadonlySet<string>): Promise<PoolSights> {
    const [tasks, infos, lost] = await Promise.all([this.#tasks(), this.#registry.alive(), this.#lost(workers)])
    this.#learnNames(workers, infos)
    const now = this.#engine.clock.now()
    const holders = new Map(infos.map((info) => [info.name, info.holder]))
    this.#missing = since(lost, this.#missing, Math.max(now, this.#backBy))
    const unseen = workers.filter((worker) => !holders.has(poolWorkerName(worker))).map(poolWorkerKey)
    this.#unseen = since(unseen, this.#unseen, now)
    const sights = workers.map((worker) => {
      const { launchedBy, workerId, incarnation } = worker
      const sight: WorkerSight = {
        holder: holders.get(poolWorkerName(worker)),
        lostSince: incarnation === undefined ? undefined : this.#missing.get(incarnation),
        unseenSince: this.#unseen.get(poolWorkerKey(worker)),
        launched: launchedBy === this.#holder ? launched.has(workerId) : undefined,
        orphaned: launchedBy !== undefined && lost.has(launchedBy),
      }
      return [poolWorkerKey(worker), sight] as const
    })
    return { tasks, sights: new Map(sights) }
  }

  /** Nobody could look for a while: what was missing before says nothing. */
  cutOff(): void {
    this.#missing = new Map()
    this.#unseen = new Map()
    this.#backBy = this.#engine.clock.now() + returnMs
  }

  /** Pending tasks that none of its workers can run do not count. */
  async #tasks(): Promise<PoolSights['tasks']> {
    const { queues } = this.#provided
    const tasks = await countTasks(this.#engine, queues)
    if (tasks.pending === 0) return tasks
    const claimable = await countClaimable(this.#engine, { queues, names: this.#names })
    return { ...tasks, pending: Math.min(tasks.pending, claimable) }
  }

  /** Of the workers and of those who launched them. */
  async #lost(workers: readonly PoolWorker[]): Promise<ReadonlySet<string>> {
    const present = workers.filter(({ state }) => state !== 'stopped')
    const holders = present.flatMap(({ launchedBy, incarnation }) => [launchedBy, incarnation]).filter((id) => id !== undefined)
    if (holders.length === 0) return new Set()
    return new Set(await this.#engine.liveness?.lost([...new Set(holders)]))
  }

  #learnNames(workers: readonly PoolWorker[], infos: readonly WorkerInfo[]): void {
    if (this.#provided.tasks !== undefined) return
    const names = new Set(workers.map(poolWorkerName))
    const told = infos.filter((info) => names.has(info.name)).flatMap((info) => info.tasks.map((task) => task.name))
    if (told.length > 0) this.#names = new Set([...(this.#names ?? []), ...told])
  }
}

/** When each of these was first found so. */
function since(found: Iterable<string>, before: ReadonlyMap<string, number>, now: number): ReadonlyMap<string, number> {
  return new Map([...found].map((key) => [key, before.get(key) ?? now]))
}
