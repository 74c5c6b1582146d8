/** Tells what happens to a pool: operators in the log, the pool's owner by its record, other processes by a signal. */
import { isQuarantined, type PoolStanding, poolWorkerKey, poolWorkerName, type WorkerPools } from '@lovage/core'
import { poolsChannel } from '../channels.ts'
import type { Engine } from '../engine.ts'
import type { PoolEntry } from './pool-book.ts'

export class PoolTeller {
  readonly #engine: Engine
  readonly #workerPoolId: string
  readonly #report: WorkerPools['report']

  constructor(engine: Engine, workerPoolId: string, report: WorkerPools['report']) {
    this.#engine = engine
    this.#workerPoolId = workerPoolId
    this.#report = report
  }

  /** That a worker was seen well again is written, too, but is no news. */
  tell(before: PoolEntry, after: PoolEntry): void {
    const states = new Map(before.workers.map((worker) => [poolWorkerKey(worker), worker.state]))
    const changed = after.workers.filter((worker) => states.get(poolWorkerKey(worker)) !== worker.state)
    for (const worker of changed) {
      const { state, terminate } = worker
      const reason = state === 'stopping' ? terminate?.reason : undefined
      const fields = { pool: this.#workerPoolId, worker: poolWorkerName(worker), ...(reason === undefined ? {} : { reason }) }
      this.#engine.logger.info(fields, `worker ${state === 'requested' ? 'launched' : state}`)
    }
    if (after.standing.failures > before.standing.failures) this.#tellFailure(after.standing)
    if (changed.length > 0 || after.standing !== before.standing) this.#engine.signal.publish(poolsChannel, '')
  }

  #tellFailure(standing: PoolStanding): void {
    const { logger, clock, newId } = this.#engine
    const { failures, reason = 'for no known reason' } = standing
    const waitMs = Math.max(0, (standing.retryAt ?? 0) - clock.now())
    const how = isQuarantined(standing) ? 'the pool is in quarantine' : 'it is replaced'
    const pool = this.#workerPoolId
    logger.warn({ pool, failures, reason, waitMs }, `a worker did not stay; ${how}`)
    const facts = { workerPoolId: pool, errorId: newId(), reported: clock.now(), extra: { failures } }
    const words = { kind: 'launch-failed', title: 'A worker did not stay', description: reason }
    this.#report({ ...facts, ...words }).catch((error: unknown) => logger.error({ error, pool }, 'a failure could not be kept'))
  }
}
