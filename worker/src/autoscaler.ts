/** Follows the load with the number of tasks that run at once, within a range. */
import { type CancelTimer, type Clock, ConfigError, shown } from '@lovage/core'

/** Between two looks, in milliseconds. */
const everyMs = 1000
/** Places stay this long after they were last needed, in milliseconds. Celery's value. */
const keepMs = 30_000

export interface AutoscaleRange {
  readonly min: number
  readonly max: number
}

/** The parts of a worker that are scaled. */
export interface Scaled {
  readonly clock: Clock
  readonly concurrency: number
  readonly load: { readonly active: number; readonly reserved: number }
  resize(concurrency: number): void
}

/** Reads a range. @throws {ConfigError} OPTION_INVALID */
export function autoscaleRange(min: unknown, max: unknown): AutoscaleRange {
  if (Number.isInteger(min) && Number.isInteger(max) && Number(min) >= 1 && Number(max) >= Number(min)) {
    return { min: Number(min), max: Number(max) }
  }
  const got = `min ${shown(min)} and max ${shown(max)}`
  throw new ConfigError('OPTION_INVALID', `expected \`autoscale\` to be whole numbers with 1 <= min <= max, got: ${got}`)
}

export class Autoscaler {
  #worker: Scaled | undefined
  #range: AutoscaleRange | undefined
  #cancel: CancelTimer | undefined
  #neededAt = 0

  /** Undefined while the number of places is fixed. */
  get range(): AutoscaleRange | undefined {
    return this.#range
  }

  start(worker: Scaled): void {
    this.#worker = worker
    if (this.#range !== undefined) this.set(this.#range)
  }

  /** Sets the range and goes to it at once. */
  set(range: AutoscaleRange): void {
    this.#range = range
    const worker = this.#worker
    if (worker === undefined) return
    worker.resize(this.#needed(worker, range))
    this.#neededAt = worker.clock.now()
    this.#arm(worker)
  }

  stop(): void {
    this.#cancel?.()
    this.#worker = undefined
  }

  #arm(worker: Scaled): void {
    this.#cancel?.()
    this.#cancel = worker.clock.at(worker.clock.now() + everyMs, () => this.#look(worker))
  }

  #look(worker: Scaled): void {
    if (this.#range === undefined) return
    const now = worker.clock.now()
    const needed = this.#needed(worker, this.#range)
    if (needed >= worker.concurrency) this.#neededAt = now
    if (needed > worker.concurrency) worker.resize(needed)
    else if (needed < worker.concurrency && now - this.#neededAt >= keepMs) worker.resize(needed)
    this.#arm(worker)
  }

  #needed({ load }: Scaled, { min, max }: AutoscaleRange): number {
    return Math.min(max, Math.max(min, load.active + load.reserved))
  }
}
