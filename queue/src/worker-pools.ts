/** Worker pools: kept as records beside the tasks, changed by compare-and-set, and announced. */
import {
  keptPoolErrors,
  type PoolWorker,
  type PoolWorkerAddress,
  poolWorkerKey,
  type RecordChange,
  StoreError,
  type WorkerPool,
  type WorkerPoolError,
  type WorkerPools,
} from '@lovage/core'
import { poolsChannel } from './channels.ts'
import type { Engine } from './engine.ts'

const poolKind = 'worker-pool'
const workerKind = 'pool-worker'
/** One record for each pool: its latest errors, the latest first. */
const errorsKind = 'worker-pool-errors'
const attempts = 20

export class QueueWorkerPools implements WorkerPools {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
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

  async #list<T>(kind: string): Promise<readonly T[]> {
    return (await this.#engine.store.records.list(kind)).map((record) => JSON.parse(record.value) as T)
  }

  async #read<T>(kind: string, key: string): Promise<T | undefined> {
    const record = await this.#engine.store.records.read(kind, key)
    return record === undefined ? undefined : (JSON.parse(record.value) as T)
  }

  async #change<T>(kind: string, key: string, change: RecordChange<T>): Promise<T | undefined> {
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
