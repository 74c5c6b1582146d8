/** The records of one pool, read together and written together: a decision counts only if nobody has decided since. */
import {
  freshStanding,
  type PoolStanding,
  type PoolWorker,
  poolWorkerKey,
  type Records,
  type RecordWrite,
  type WorkerPool,
} from '@lovage/core'

export const poolKind = 'worker-pool'
export const poolWorkerKind = 'pool-worker'
/** Beside the pool's record and not in it: that one is its owner's. */
export const standingKind = 'worker-pool-standing'

/** What was read, with what it takes to notice that it has changed. */
export interface PoolPage {
  readonly pool: WorkerPool | undefined
  readonly standing: PoolStanding
  readonly workers: readonly PoolWorker[]
  readonly versions: ReadonlyMap<string, number>
}

/** What shall stand there instead. */
export type PoolEntry = Pick<PoolPage, 'standing' | 'workers'>

export class PoolBook {
  readonly #records: Records
  readonly #workerPoolId: string

  constructor(records: Records, workerPoolId: string) {
    this.#records = records
    this.#workerPoolId = workerPoolId
  }

  /** The standing comes first: workers that are added meanwhile go with a newer one, and a write on this page is refused. */
  async read(): Promise<PoolPage> {
    const standing = await this.#records.read(standingKind, this.#workerPoolId)
    const [pool, all] = await Promise.all([this.#records.read(poolKind, this.#workerPoolId), this.#records.list(poolWorkerKind)])
    const versions = new Map([[this.#workerPoolId, standing?.version ?? 0]])
    const workers: PoolWorker[] = []
    for (const record of all) {
      const worker = JSON.parse(record.value) as PoolWorker
      if (worker.workerPoolId !== this.#workerPoolId) continue
      workers.push(worker)
      versions.set(record.key, record.version)
    }
    return {
      pool: pool === undefined ? undefined : (JSON.parse(pool.value) as WorkerPool),
      standing: standing === undefined ? freshStanding : (JSON.parse(standing.value) as PoolStanding),
      workers,
      versions,
    }
  }

  /** All or none; nothing when nothing has changed. Workers missing from the entry are removed. */
  async write(page: PoolPage, entry: PoolEntry): Promise<'written' | 'same' | 'refused'> {
    const before = new Map(page.workers.map((worker) => [poolWorkerKey(worker), worker]))
    const after = new Map(entry.workers.map((worker) => [poolWorkerKey(worker), worker]))
    const changed = [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key))
    if (changed.length === 0 && entry.standing === page.standing) return 'same'
    const writes = changed.map((key): RecordWrite => {
      const worker = after.get(key)
      const value = worker === undefined ? null : JSON.stringify(worker)
      return { kind: poolWorkerKind, key, value, version: page.versions.get(key) ?? 0 }
    })
    const version = page.versions.get(this.#workerPoolId) ?? 0
    const standing = { kind: standingKind, key: this.#workerPoolId, value: JSON.stringify(entry.standing), version }
    return (await this.#records.write([standing, ...writes])) ? 'written' : 'refused'
  }
}
