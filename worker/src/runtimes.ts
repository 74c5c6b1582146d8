/** How long runs took: count, mean and rough percentiles in constant memory. */

/** Buckets per doubling: percentiles are exact to about 9 %. */
const perDoubling = 8
const buckets = 30 * perDoubling

export interface RuntimeSummary {
  readonly count: number
  /** Milliseconds, as the others. */
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly max: number
}

export class Runtimes {
  #count = 0
  #sum = 0
  #max = 0
  /** Runs under one millisecond; most are, and they need no logarithm. */
  #instant = 0
  #buckets: Uint32Array | undefined

  add(ms: number): void {
    this.#count++
    if (ms < 1) {
      this.#instant++
      this.#sum += Math.max(0, ms)
      return
    }
    this.#sum += ms
    if (ms > this.#max) this.#max = ms
    this.#buckets ??= new Uint32Array(buckets)
    const index = Math.min(buckets - 1, Math.floor(Math.log2(ms) * perDoubling))
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1
  }

  summary(): RuntimeSummary {
    const mean = this.#count === 0 ? 0 : Math.round((this.#sum / this.#count) * 1000) / 1000
    return { count: this.#count, mean, p50: this.#percentile(0.5), p95: this.#percentile(0.95), max: this.#max }
  }

  #percentile(share: number): number {
    let left = Math.ceil(this.#count * share) - this.#instant
    if (left <= 0 || this.#buckets === undefined) return 0
    for (const [index, count] of this.#buckets.entries()) {
      left -= count
      if (left <= 0) return Math.min(this.#max, Math.round(2 ** ((index + 0.5) / perDoubling) * 10) / 10)
    }
    return this.#max
  }
}
