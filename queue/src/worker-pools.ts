/** Worker pools: kept as records beside the tasks, changed by compare-and-set, and announced. */
import {
  type ControlBus,
  freshStanding,
  keptPoolErrors,
  type PoolStanding,
  type PoolWorker,
  type PoolWorkerAddress,
  type Provisioner,
  type ProvisionOptions,
  poolWorkerKey,
  type RecordChange,
  StoreError,
  type WorkerPool,
  type WorkerPoolError,
  type WorkerPools,
} from '@lovage/core'
import { poolsChannel } from './channels.ts'
import type { Engine } from './engine.ts'
import { poolKind, standingKind, poolWorkerKind as workerKind } from './provisioner/pool-book.ts'
import { QueueProvisioner } from './provisioner/queue-provisioner.ts'
import type { WorkerRegistry } from './worker-registry.ts'

/** One record for each pool: its latest errors, the latest first. */
const errorsKind = 'worker-pool-errors'
const attempts = 20

export class QueueWorkerPools implements WorkerPools {
  readonly #engine: Engine
  readonly #registry: WorkerRegistry
  readonly #control: Pick<ControlBus, 'request'>
  readonly #provisioners = new Set<QueueProvisioner>()
  /** The last change of each record that this process has begun. */
  readonly #changes = new Map<string, Promise<unknown>>()

  constructor(engine: Engine, registry: WorkerRegistry, control: Pick<ControlBus, 'request'>) {
    this.#engine = engine
    this.#registry = registry
    this.#control = control
  }

  list(): Promise<readonly WorkerPool[]> {
    return this.#list<WorkerPool>(poolKind)
  }

  get(workerPoolId: string): Promise<WorkerPool | undefined> {
    return this.#read<WorkerPool>(poolKind, workerPoolId)
  }

  change(workerPoolId: string, change: RecordChange<WorkerPool>): Promise<WorkerPool | undefined> {
    return this.#change(poolKind, workerPoolId, change)
  }

  async workers(workerPoolId?: string): Promise<readonly PoolWorker[]> {
    const all = await this.#list<PoolWorker>(workerKind)
    return workerPoolId === undefined ? all : all.filter((worker) => worker.workerPoolId === workerPoolId)
  }

  worker(address: PoolWorkerAddress): Promise<PoolWorker | undefined> {
    return this.#read<PoolWorker>(workerKind, poolWorkerKey(address))
  }

  changeWorker(address: PoolWorkerAddress, change: RecordChange<PoolWorker>): Promise<PoolWorker | undefined> {
    return this.#change(workerKind, poolWorkerKey(address), change)
  }

  async report(error: WorkerPoolError): Promise<void> {
    await this.#change<readonly WorkerPoolError[]>(errorsKind, error.workerPoolId, (known = []) =>
      [error, ...known].slice(0, keptPoolErrors),
    )
  }

  async errors(workerPoolId?: string): Promise<readonly WorkerPoolError[]> {
    if (workerPoolId !== undefined) return (await this.#read<readonly WorkerPoolError[]>(errorsKind, workerPoolId)) ?? []
    return (await this.#list<readonly WorkerPoolError[]>(errorsKind)).flat().sort((a, b) => b.reported - a.reported)
  }

  watch(listener: () => void): Promise<() => void> {
    return this.#engine.signal.subscribe(poolsChannel, listener)
  }

  async standing(workerPoolId: string): Promise<PoolStanding> {
    return (await this.#read<PoolStanding>(standingKind, workerPoolId)) ?? freshStanding
  }

  async changeStanding(workerPoolId: string, change: (known: PoolStanding) => PoolStanding): Promise<PoolStanding> {
    const changed = await this.#change<PoolStanding>(standingKind, workerPoolId, (known = freshStanding) => change(known))
    return changed ?? freshStanding
  }

  async provision(options: ProvisionOptions): Promise<Provisioner> {
    const ties = { registry: this.#registry, control: this.#control, report: this.report.bind(this) }
    const provisioner = await QueueProvisioner.open(this.#engine, ties, options)
    this.#provisioners.add(provisioner)
    return provisioner
  }

  /** Ends provisioners that nobody has closed, without their workers. */
  async close(): Promise<void> {
    await Promise.all([...this.#provisioners].map((provisioner) => provisioner.abandon()))
  }

  async #list<T>(kind: string): Promise<readonly T[]> {
    return (await this.#engine.store.records.list(kind)).map((record) => JSON.parse(record.value) as T)
  }

  async #read<T>(kind: string, key: string): Promise<T | undefined> {
    const record = await this.#engine.store.records.read(kind, key)
    return record === undefined ? undefined : (JSON.parse(record.value) as T)
  }

  /** One after the other in this process: a fleet that reports at once would wear out the attempts of most. */
  #change<T>(kind: string, key: string, change: RecordChange<T>): Promise<T | undefined> {
    const name = `${kind} ${key}`
    const next = () => this.#changeNow(kind, key, change)
    const changed = (this.#changes.get(name) ?? Promise.resolve()).then(next, next)
    this.#changes.set(name, changed)
    const forget = () => {
      if (this.#changes.get(name) === changed) this.#changes.delete(name)
    }
    changed.then(forget, forget)
    return changed
  }

  async #changeNow<T>(kind: string, key: string, change: RecordChange<T>): Promise<T | undefined> {
    const { records } = this.#engine.store
    for (let attempt = 0; attempt < attempts; attempt++) {
      const record = await records.read(kind, key)
      const known = record === undefined ? undefined : (JSON.parse(record.value) as T)
      const next = change(known)
      if (next === known) return known
      const value = next === undefined ? null : JSON.stringify(next)
      if (await records.write([{ kind, key, value, version: record?.version ?? 0 }])) {
        this.#engine.signal.publish(poolsChannel, '')
        return next
      }
    }
    throw new StoreError('STORE_BUSY', `expected to write the record of ${key}, but others kept changing it; try again`, {
      subject: key,
    })
  }
}
