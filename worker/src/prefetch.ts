/** How many deliveries a worker should hold: enough never to wait for the broker, no more than others could run meanwhile. */

/** Work kept waiting in the worker, in milliseconds: several round trips to any broker. */
const bufferMs = 75
/** The most deliveries held by `auto`. */
export const mostPrefetched = 2000

/** A moving average of how long handlers take. */
export class HandlerTime {
  #mean = 0
  #samples = 0

  add(ms: number): void {
    if (this.#samples < 50) this.#samples++
    this.#mean += (ms - this.#mean) / this.#samples
  }

  /** Milliseconds; undefined before the first run has ended. */
  get mean(): number | undefined {
    return this.#samples === 0 ? undefined : this.#mean
  }
}

/**
 * The prefetch to have next. Slow handlers give just the concurrency; it grows by no more than a doubling at a time, so
 * that a few quick runs at first do not hoard.
 */
export function nextPrefetch(current: number, concurrency: number, meanMs: number | undefined): number {
  if (meanMs === undefined) return concurrency
  const buffered = meanMs >= bufferMs ? 0 : (concurrency * bufferMs) / Math.max(meanMs, 0.001)
  const wanted = Math.max(concurrency, Math.min(mostPrefetched, Math.floor(concurrency + buffered)))
  return Math.min(wanted, Math.max(current, concurrency) * 2)
}

/** Whether a change is worth telling the broker: a quarter, or the end of the range. */
export function isNoticeable(current: number, next: number, concurrency: number): boolean {
  if (current === next) return false
  return next === concurrency || next === mostPrefetched || Math.abs(next - current) >= current / 4
}

/** By the load, a number, or what the settings of the broker make of the concurrency, where 0 is without a limit. */
export type PrefetchRule = 'auto' | number | ((concurrency: number) => number)

/** Keeps a consumer told. */
export class Prefetch {
  readonly #rule: PrefetchRule
  #base: number
  #told: number
  #endedSince = 0
  #consumer: { setPrefetch(prefetch: number): void } | undefined

  constructor(rule: PrefetchRule, concurrency: number) {
    this.#rule = rule
    this.#base = rule === 'auto' ? concurrency : typeof rule === 'function' ? rule(concurrency) : rule
    this.#told = this.#base
  }

  /** What the consumer was told last. */
  get told(): number {
    return this.#told
  }

  bind(consumer: { setPrefetch(prefetch: number): void }): void {
    this.#consumer = consumer
    consumer.setPrefetch(this.#told)
  }

  /** Counts an ended run; true when it is time to tune. */
  isDue(): boolean {
    return this.#rule === 'auto' && ++this.#endedSince >= this.#base / 2
  }

  /** `held` deliveries wait for a time of their own; others come in their place. */
  tune(concurrency: number, meanMs: number | undefined, held: number): void {
    this.#endedSince = 0
    if (this.#rule === 'auto') {
      const next = nextPrefetch(this.#base, concurrency, meanMs)
      if (isNoticeable(this.#base, next, concurrency)) this.#base = next
    } else if (typeof this.#rule === 'function') this.#base = this.#rule(concurrency)
    const total = this.#base === 0 ? 0 : this.#base + held
    if (total === this.#told) return
    this.#told = total
    this.#consumer?.setPrefetch(total)
  }
}
