/**
 * Which child runs which job: the bookkeeping of a pool, without any child in it.
 *
 *   spawn --> starting --ready--> idle <--done / assign--> busy
 *                 |                |                         |
 *                 +--- gone -------+--------- gone ----------+--> the slot is no more; stopped slots never come back
 *
 * Every method takes a fact and answers with what is to be done about it, in order.
 */

/** What the pool has to do. */
export type SlotOrder =
  | { readonly type: 'spawn'; readonly slot: number }
  | { readonly type: 'assign'; readonly slot: number; readonly job: number }
  /** The child is not needed any more; its slot is already forgotten. */
  | { readonly type: 'stop'; readonly slot: number }
  /** The job ends here: its child died. */
  | { readonly type: 'lose'; readonly job: number }
  /** The job ends here and never began: the child that was started for it died. */
  | { readonly type: 'refuse'; readonly job: number }
  /** Wait before more children are started, the longer the more strikes there were; then call `release`. */
  | { readonly type: 'hold'; readonly strikes: number }

export interface SlotOptions {
  /** The most children. */
  readonly size: number
  /** Replaces a child after so many jobs. Default: never. */
  readonly maxTasksPerChild?: number | undefined
}

interface Slot {
  state: 'starting' | 'idle' | 'busy'
  job: number
  ran: number
}

const noJob = -1

export class Slots {
  #size: number
  readonly #maxTasksPerChild: number
  readonly #slots = new Map<number, Slot>()
  /** The last one that ran is the first to run again: its caches are warm. */
  readonly #idle: number[] = []
  readonly #waiting: number[] = []
  #starting = 0
  #spawned = 0
  /** Children in a row that died without a job to blame. */
  #strikes = 0
  #held = false

  constructor(options: SlotOptions) {
    this.#size = options.size
    this.#maxTasksPerChild = options.maxTasksPerChild ?? Number.POSITIVE_INFINITY
  }

  /** Facts for an operator. */
  get facts(): { readonly size: number; readonly busy: number; readonly waiting: number; readonly spawned: number } {
    const busy = this.#slots.size - this.#starting - this.#idle.length
    return { size: this.#size, busy, waiting: this.#waiting.length, spawned: this.#spawned }
  }

  /** Starts one child if there is none, so that the first job finds it ready. */
  warm(): SlotOrder[] {
    return this.#slots.size === 0 && !this.#held ? [this.#spawn()] : []
  }

  /** A job has come. */
  submit(job: number): SlotOrder[] {
    const slot = this.#idle.pop()
    if (slot !== undefined) return [this.#assign(slot, job)]
    this.#waiting.push(job)
    return this.#grow()
  }

  /** A job that waits is not to be run any more. False when it does not wait. */
  withdraw(job: number): boolean {
    const index = this.#waiting.indexOf(job)
    if (index < 0) return false
    this.#waiting.splice(index, 1)
    return true
  }

  /** The child of a starting slot can run jobs. */
  ready(slot: number): SlotOrder[] {
    const facts = this.#slots.get(slot)
    if (facts?.state !== 'starting') return []
    this.#starting--
    return this.#offer(slot, facts)
  }

  /** The job of a busy slot has ended and its child lives. */
  done(slot: number): SlotOrder[] {
    const facts = this.#slots.get(slot)
    if (facts?.state !== 'busy') return []
    this.#strikes = 0
    facts.job = noJob
    facts.ran++
    if (facts.ran < this.#maxTasksPerChild) return this.#offer(slot, facts)
    this.#slots.delete(slot)
    return [{ type: 'stop', slot }, ...this.#replace()]
  }

  /** The child of a slot has died or been killed. */
  gone(slot: number): SlotOrder[] {
    const facts = this.#slots.get(slot)
    if (facts === undefined) return []
    this.#slots.delete(slot)
    if (facts.state === 'busy') return [{ type: 'lose', job: facts.job }, ...this.#replace(), ...this.#grow()]
    const orders: SlotOrder[] = []
    if (facts.state === 'idle') {
      this.#idle.splice(this.#idle.indexOf(slot), 1)
    } else {
      this.#starting--
      const job = this.#waiting.shift()
      if (job !== undefined) orders.push({ type: 'refuse', job })
    }
    this.#strikes++
    if (this.#held) return orders
    this.#held = true
    orders.push({ type: 'hold', strikes: this.#strikes })
    return orders
  }

  /** The wait of a `hold` is over. */
  release(): SlotOrder[] {
    this.#held = false
    return this.#grow()
  }

  /** More children are started when there is work for them; of too many, those without a job go first, the others after it. */
  resize(size: number): SlotOrder[] {
    this.#size = size
    const orders: SlotOrder[] = []
    for (const state of ['idle', 'starting'] as const) {
      for (const [slot, facts] of this.#slots) {
        if (this.#slots.size <= size) break
        if (facts.state !== state) continue
        this.#slots.delete(slot)
        if (state === 'idle') this.#idle.splice(this.#idle.indexOf(slot), 1)
        else this.#starting--
        orders.push({ type: 'stop', slot })
      }
    }
    return [...orders, ...this.#grow()]
  }

  #offer(slot: number, facts: Slot): SlotOrder[] {
    if (this.#slots.size > this.#size) {
      this.#slots.delete(slot)
      return [{ type: 'stop', slot }]
    }
    const job = this.#waiting.shift()
    if (job !== undefined) return [this.#assign(slot, job)]
    facts.state = 'idle'
    this.#idle.push(slot)
    return []
  }

  #assign(slot: number, job: number): SlotOrder {
    const facts = this.#slots.get(slot) as Slot
    facts.state = 'busy'
    facts.job = job
    return { type: 'assign', slot, job }
  }

  /** One child for each job that waits, as far as the size allows. */
  #grow(): SlotOrder[] {
    const orders: SlotOrder[] = []
    while (!this.#held && this.#starting < this.#waiting.length && this.#slots.size < this.#size) orders.push(this.#spawn())
    return orders
  }

  #replace(): SlotOrder[] {
    return !this.#held && this.#slots.size < this.#size ? [this.#spawn()] : []
  }

  #spawn(): SlotOrder {
    const slot = this.#spawned++
    this.#slots.set(slot, { state: 'starting', job: noJob, ran: 0 })
    this.#starting++
    return { type: 'spawn', slot }
  }
}
