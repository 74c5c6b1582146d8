/** Who works here: one record per live consumer, for operators, for `explain` and for finding the dead after a restart. */
import type { CancelTimer, ConsumeOptions, DeskWorker, WorkerInfo } from '@lovage/core'
import { workersChannel } from './channels.ts'
import type { Engine } from './engine.ts'
import { loseRuns } from './lose-runs.ts'

const kind = 'worker'

/** Facts about this process that the queue cannot ask for itself. */
export interface ProcessFacts {
  readonly host: string
  readonly pid: number
}

export class WorkerRegistry {
  readonly #engine: Engine
  readonly #facts: ProcessFacts
  readonly #startedAt = new Map<string, number>()
  /** The records of the consumers of this process, by holder. */
  readonly #own = new Map<string, string>()
  /** Records of workers elsewhere that are to be written together: undefined are to go, as far as they are the keeper's still. */
  #gathered = new Map<string, string | undefined>()
  /** Workers elsewhere that are gone, though that could not be written: by holder, who spoke for them. */
  readonly #lingering = new Map<string, string>()
  #writing: Promise<void> = Promise.resolve()
  /** Of workers elsewhere whose process is gone: until what they run goes elsewhere. */
  readonly #waits = new Set<CancelTimer>()

  constructor(engine: Engine, facts: ProcessFacts) {
    this.#engine = engine
    this.#facts = facts
  }

  async put(holder: string, options: ConsumeOptions): Promise<void> {
    const startedAt = this.#startedAt.get(holder) ?? this.#engine.clock.now()
    this.#startedAt.set(holder, startedAt)
    const { worker: name, queues, tasks, everyTask } = options
    const info: WorkerInfo = { name, holder, ...this.#facts, startedAt, queues, tasks, everyTask }
    this.#own.set(holder, JSON.stringify(info))
    await this.#write(holder, JSON.stringify(info))
  }

  async remove(holder: string): Promise<void> {
    this.#startedAt.delete(holder)
    this.#own.delete(holder)
    await this.#write(holder, null)
  }

  /** Of a worker elsewhere; it is written soon, together with others. */
  announce(worker: DeskWorker, keeper: string): void {
    const startedAt = this.#startedAt.get(worker.holder) ?? this.#engine.clock.now()
    this.#startedAt.set(worker.holder, startedAt)
    const info: WorkerInfo = { ...worker, startedAt, keeper }
    const value = JSON.stringify(info)
    this.#own.set(worker.holder, value)
    this.#lingering.delete(worker.holder)
    this.#gather(worker.holder, value, keeper)
  }

  /** Of a worker elsewhere. Resolves when it is written, or has failed. */
  withdraw(holder: string, keeper: string): Promise<void> {
    this.#startedAt.delete(holder)
    this.#own.delete(holder)
    this.#gather(holder, undefined, keeper)
    return this.#writing
  }

  /** Who speaks for a worker elsewhere now. */
  async keeperOf(holder: string): Promise<string | undefined> {
    await this.#writing
    const record = await this.#engine.store.records.read(kind, holder)
    return record === undefined ? undefined : (JSON.parse(record.value) as WorkerInfo).keeper
  }

  /** Puts back what others have removed in the belief that a consumer of this process was dead, and removes what could not be removed. */
  async check(): Promise<void> {
    for (const [holder, keeper] of this.#lingering) this.#gather(holder, undefined, keeper)
    this.#lingering.clear()
    if (this.#own.size === 0) return
    const there = new Set((await this.#engine.store.records.list(kind)).map(({ key }) => key))
    const missing = [...this.#own].filter(([holder]) => !there.has(holder))
    if (missing.length === 0) return
    await this.#engine.store.records.write(missing.map(([key, value]) => ({ kind, key, value })))
    this.#changed()
  }

  async list(): Promise<readonly WorkerInfo[]> {
    const records = await this.#engine.store.records.list(kind)
    return records.map((record) => JSON.parse(record.value) as WorkerInfo)
  }

  /** Those of the list that are not known to be gone. */
  async alive(): Promise<readonly WorkerInfo[]> {
    const all = await this.list()
    const lost = new Set((await this.#engine.liveness?.lost([...new Set(all.map(switchOf))])) ?? [])
    return all.filter((info) => !lost.has(switchOf(info)))
  }

  /**
   * Takes everything from a holder that is gone: its runs go elsewhere at once, late settlements are fenced off. Workers for which it
   * spoke are seen no more, and keep their runs for a grace: they may be on their way to another one.
   */
  async bury(holder: string): Promise<number> {
    const { length: count } = await loseRuns(this.#engine, holder)
    const kept = (await this.list()).filter(({ keeper }) => keeper === holder)
    const gone = [holder, ...kept.map((info) => info.holder)]
    await this.#engine.store.records.write(gone.map((key) => ({ kind, key, value: null })))
    this.#changed()
    for (const info of kept) this.#takeLater(info)
    if (count > 0) this.#engine.logger.warn({ holder, tasks: count }, `a worker was lost; ${count} of its tasks go elsewhere`)
    return count
  }

  /** Nothing is taken any more from workers whose process is gone: their leases end. */
  close(): void {
    for (const cancel of this.#waits) cancel()
    this.#waits.clear()
  }

  /** Who spoke for it is gone. */
  #takeLater({ holder, graceMs }: WorkerInfo): void {
    const { clock } = this.#engine
    if (graceMs === undefined) return
    const gone = clock.now()
    const cancel = clock.at(gone + graceMs, () => {
      this.#waits.delete(cancel)
      void this.#take(holder, gone)
    })
    this.#waits.add(cancel)
  }

  /** Takes what a worker had when its process was lost, unless another one speaks for it by now. Never rejects. */
  async #take(holder: string, gone: number): Promise<void> {
    const { store, logger } = this.#engine
    try {
      if ((await store.records.read(kind, holder)) !== undefined) return
      const { length: count } = await loseRuns(this.#engine, holder, gone)
      if (count > 0)
        logger.warn({ holder, tasks: count }, `a worker elsewhere did not come back; ${count} of its tasks go on without it`)
    } catch (error) {
      logger.warn({ err: error, holder }, 'the tasks of a worker that did not come back could not be taken: their leases end')
    }
  }

  #gather(holder: string, value: string | undefined, keeper: string): void {
    const isFirst = this.#gathered.size === 0
    this.#gathered.set(holder, value)
    if (!isFirst) return
    const turn = new Promise<void>((resolve) => setImmediate(resolve))
    this.#writing = Promise.all([this.#writing, turn]).then(() => this.#writeGathered(keeper))
  }

  /** Never rejects: what could not be written is made up for by the next check. */
  async #writeGathered(keeper: string): Promise<void> {
    const gathered = [...this.#gathered]
    this.#gathered = new Map()
    try {
      const isAnyToGo = gathered.some(([, value]) => value === undefined)
      const own = isAnyToGo ? (await this.list()).filter((info) => info.keeper === keeper) : []
      const mayGo = new Set(own.map(({ holder }) => holder))
      const writes = gathered.flatMap(([key, value]) => {
        return value !== undefined || mayGo.has(key) ? [{ kind, key, value: value ?? null }] : []
      })
      if (writes.length === 0) return
      await this.#engine.store.records.write(writes)
      this.#changed()
    } catch (error) {
      for (const [holder] of gathered) if (!this.#own.has(holder)) this.#lingering.set(holder, keeper)
      this.#engine.logger.warn({ err: error, workers: gathered.length }, 'workers elsewhere could not be announced')
    }
  }

  async #write(holder: string, value: string | null): Promise<void> {
    await this.#engine.store.records.write([{ kind, key: holder, value }])
    this.#changed()
  }

  #changed(): void {
    const { signal } = this.#engine
    if (signal.heard(workersChannel)) signal.publish(workersChannel, '')
  }
}

/** By which a death is noticed. */
export function switchOf({ keeper, holder }: Pick<WorkerInfo, 'keeper' | 'holder'>): string {
  return keeper ?? holder
}
