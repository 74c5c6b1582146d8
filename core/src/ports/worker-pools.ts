/** The WorkerPools port: the records of worker pools and their workers, changed by several processes at once. */
import type { PoolStanding } from '../provision.ts'
import type { LaunchConfig, PoolWorker, PoolWorkerAddress, WorkerPool, WorkerPoolError } from '../worker-pool.ts'
import type { Launcher } from './launcher.ts'

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
  /** Whether a pool is paused, and how its launches went. */
  standing(workerPoolId: string): Promise<PoolStanding>
  /** Answers what is there afterwards. @throws {StoreError} STORE_BUSY when others kept changing it */
  changeStanding(workerPoolId: string, change: (known: PoolStanding) => PoolStanding): Promise<PoolStanding>
  /**
   * Launches and stops workers of these pools from now on, as their records ask for. Several processes may do so for one pool:
   * together they keep its bounds, and each launches on its own.
   * @throws {ConfigError} OPTION_INVALID
   */
  provision(options: ProvisionOptions): Promise<Provisioner>
}

/** What a process can launch. What is launched is decided here, never by the pool's record, which others may write. */
export interface ProvidedPool {
  readonly workerPoolId: string
  /** The queues whose tasks it runs. */
  readonly queues: readonly string[]
  /** Names of the tasks it can run; tasks of other names launch nothing. Undefined until its workers tell. */
  readonly tasks?: readonly string[] | undefined
  /** How many tasks one worker runs at once. */
  readonly capacity: number
  readonly launchConfig: LaunchConfig
}

export interface ProvisionOptions {
  readonly launcher: Launcher
  /** The provider that a pool's record must name; a pool of another one, or none, gets no workers and loses those it has. */
  readonly providerId: string
  readonly pools: readonly ProvidedPool[]
}

/** Keeps pools until it is closed. */
export interface Provisioner {
  /**
   * Launches nothing more, and resolves when every worker that it launched has ended: warm by default. Called again with `cold`
   * it aborts what still runs and gives it back. Never rejects.
   */
  close(options?: { readonly cold?: boolean | undefined }): Promise<void>
}
