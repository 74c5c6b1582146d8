/** An allowance: so many at once, and so many more as time goes by. */

export class Allowance {
  readonly #most: number
  readonly #perMs: number
  #left: number
  #at: number

  /** @param perSecond how fast what was taken comes back */
  constructor(most: number, perSecond: number, now: number) {
    this.#most = most
    this.#perMs = perSecond / 1000
    this.#left = most
    this.#at = now
  }

  /** False when there is none left. Times are epoch milliseconds. */
  take(now: number): boolean {
    this.#refill(now)
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }

  /** Nothing was taken that has not come back. */
  isFull(now: number): boolean {
    this.#refill(now)
    return this.#left === this.#most
  }

  #refill(now: number): void {
    // A clock may be set back.
    this.#left = Math.min(this.#most, this.#left + Math.max(0, now - this.#at) * this.#perMs)
    this.#at = now
  }
}

/** Addresses that are remembered before those are forgotten that have all of theirs. */
const manyAddresses = 1000

/** Of IPv6 whoever has one address has the 2^64 of its network: they count as one. */
export function networkOf(address: string): string {
  if (!address.includes(':') || /^::ffff:\d/i.test(address)) return address
  const groups = (address.split('::')[0] ?? '').split(':').filter((group) => group !== '')
  return [...groups, '0', '0', '0', '0'].slice(0, 4).join(':')
}

/** An allowance for each address. */
export class Allowances {
  readonly #most: number
  readonly #perSecond: number
  readonly #of = new Map<string, Allowance>()
  #forgetAt = manyAddresses

  constructor(most: number, perSecond: number) {
    this.#most = most
    this.#perSecond = perSecond
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#of.size
  }

  take(address: string, now: number): boolean {
    const network = networkOf(address)
    const known = this.#of.get(network)
    if (known !== undefined) return known.take(now)
    if (this.#of.size >= this.#forgetAt) this.#forget(now)
    const fresh = new Allowance(this.#most, this.#perSecond, now)
    this.#of.set(network, fresh)
    return fresh.take(now)
  }

  #forget(now: number): void {
    for (const [address, allowance] of this.#of) if (allowance.isFull(now)) this.#of.delete(address)
    // Where they all come at once, not each of them looks at all.
    this.#forgetAt = Math.max(manyAddresses, this.#of.size * 2)
  }
}
