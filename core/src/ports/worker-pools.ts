/** The WorkerPools port: the records of worker pools and their workers, changed by several processes at once. */
import type { PoolWorker, PoolWorkerAddress, WorkerPool, WorkerPoolError } from '../worker-pool.ts'

/**
 * What to make of a record: the answer replaces what is known, undefined removes it, and `known` itself leaves it as it is.
 * Called again with the newer record when another process was faster, so it must do nothing else; what it throws is thrown on.
 */
export type RecordChange<T> = (known: T | undefined) => T | undefined

/** Each change is atomic, and tells those who watch. A pool's record outlives its workers' and the other way round. */
export interface WorkerPools {
  /** By id. */
  list(): Promise<readonly WorkerPool[]>
  get(workerPoolId: string): Promise<WorkerPool | undefined>
  /** Answers what is there afterwards. @throws {StoreError} STORE_BUSY when others kept changing it */
  change(workerPoolId: string, change: RecordChange<WorkerPool>): Promise<WorkerPool | undefined>
  /** Those of one pool, or of all; by pool, group and id. */
  workers(workerPoolId?: string): Promise<readonly PoolWorker[]>
  worker(address: PoolWorkerAddress): Promise<PoolWorker | undefined>
  /** Answers what is there afterwards. @throws {StoreError} STORE_BUSY when others kept changing it */
  changeWorker(address: PoolWorkerAddress, change: RecordChange<PoolWorker>): Promise<PoolWorker | undefined>
  /** Keeps an error; of each pool the latest hundred. */
  report(error: WorkerPoolError): Promise<void>
  /** Those of one pool, or of all; the latest first. */
  errors(workerPoolId?: string): Promise<readonly WorkerPoolError[]>
  /** Calls the listener after changes here and in other processes; a lost call costs time only. The answer ends it. */
  watch(listener: () => void): Promise<() => void>
}
