/** Chance that can be had again: a small seeded generator, so that a failing case fails the same way every time. */

/** Mulberry32: 32 bits of state, good enough to pick operations. Gives numbers from 0 up to but not including 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A whole number from 0 up to but not including `end`. */
export function below(random: () => number, end: number): number {
  return Math.floor(random() * end)
}

/** One item of a list that is not empty; undefined of an empty one. */
export function pick<T>(random: () => number, items: readonly T[]): T | undefined {
  return items[below(random, items.length)]
}
