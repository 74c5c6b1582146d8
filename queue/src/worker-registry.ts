/** Who works here: one record per live consumer, for operators, for `explain` and for finding the dead after a restart. */
import type { ConsumeOptions, WorkerInfo } from '@lovage/core'
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

  /** Puts back what others have removed in the belief that a consumer of this process was dead. */
  async check(): Promise<void> {
    for (const holder of this.#own.keys()) {
      const record = await this.#engine.store.records.read(kind, holder)
      const value = this.#own.get(holder)
      if (record === undefined && value !== undefined) await this.#write(holder, value)
    }
  }

  async list(): Promise<readonly WorkerInfo[]> {
    const records = await this.#engine.store.records.list(kind)
    return records.map((record) => JSON.parse(record.value) as WorkerInfo)
  }

  /** Those of the list that are not known to be gone. */
  async alive(): Promise<readonly WorkerInfo[]> {
    const all = await this.list()
    const lost = new Set((await this.#engine.liveness?.lost(all.map((info) => info.holder))) ?? [])
    return all.filter((info) => !lost.has(info.holder))
  }

  /** Takes everything from a holder that is gone: its runs go elsewhere at once, late settlements are fenced off. */
  async bury(holder: string): Promise<number> {
    const { length: count } = await loseRuns(this.#engine, holder)
    await this.#write(holder, null)
    if (count > 0) this.#engine.logger.warn({ holder, tasks: count }, `a worker was lost; ${count} of its tasks go elsewhere`)
    return count
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
