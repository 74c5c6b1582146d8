/** The line at the desk: requests that ask for the same, served in turn; a wake-up costs one claim for each that it serves. */
import type { CancelTimer, DeskClaim, Task } from '@lovage/core'
import { readyChannel } from './channels.ts'
import { claimFor } from './desk-claim.ts'
import type { Engine } from './engine.ts'
import { giveBack } from './give-back.ts'

/** So many claims are on their way at once as long as there is plenty, in a store that serves each by itself. */
const mostFlights = 4
/** So many requests are served by one claim as long as there is plenty, in a store that can do that. */
const mostTogether = 256

interface Waiter {
  readonly claim: DeskClaim
  /** Its time is over, or whoever asked is gone. */
  isOver: boolean
  /** A claim for it is on its way: its answer comes with that. */
  isClaiming: boolean
  answer(tasks: readonly Task[]): void
  fail(error: unknown): void
}

export class DeskLine {
  readonly #engine: Engine
  readonly #queues: readonly string[]
  /** In the order in which they came, those included that a claim is on its way for. */
  readonly #waiters = new Set<Waiter>()
  readonly #ends: (() => void)[] = []
  /** Claims on their way. */
  readonly #serving = new Set<Promise<void>>()
  #isClosed = false
  #again = false
  /** The last claim was full: there is more. */
  #plenty = false
  /** How many requests may be served at once; grows as long as there is plenty. */
  #width = 1
  #cancelSleep: CancelTimer | undefined
  #sleepUntil = Number.POSITIVE_INFINITY
  /** When somebody last asked. */
  #askedAt = 0

  constructor(engine: Engine, queues: readonly string[]) {
    this.#engine = engine
    this.#queues = queues
  }

  /** Subscribes: what becomes pending from now on wakes whoever waits. */
  async open(): Promise<void> {
    this.#askedAt = this.#engine.clock.now()
    const listen = (message: string): void => {
      if (message === '') this.pump()
      else this.#sleep(Number(message))
    }
    for (const queue of this.#queues) this.#ends.push(await this.#engine.signal.subscribe(readyChannel(queue), listen))
  }

  /** Whether nobody waits, and nobody has asked for so long. */
  isIdle(forMs: number): boolean {
    return this.#waiters.size === 0 && this.#serving.size === 0 && this.#engine.clock.now() - this.#askedAt >= forMs
  }

  /** Answers whoever waits with nothing; what claims bring that are on their way goes back. Resolves when it has. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelSleep?.()
    for (const end of this.#ends.splice(0)) end()
    for (const waiter of [...this.#waiters]) if (!waiter.isClaiming) waiter.answer([])
    await Promise.all(this.#serving)
  }

  /** Resolves when there is something for the request, its time is over, or whoever asked is gone. */
  wait(claim: DeskClaim): Promise<readonly Task[]> {
    const { clock, keepAlive } = this.#engine
    this.#askedAt = clock.now()
    return new Promise((resolve, reject) => {
      const letGo = keepAlive.hold()
      const end = (): void => {
        cancel()
        claim.signal?.removeEventListener('abort', leave)
        letGo()
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter = {
        claim,
        isOver: false,
        isClaiming: false,
        answer(tasks) {
          end()
          resolve(tasks)
        },
        fail(error) {
          end()
          reject(error)
        },
      }
      const leave = (): void => {
        waiter.isOver = true
        if (!waiter.isClaiming) waiter.answer([])
      }
      const cancel = clock.at(clock.now() + claim.waitMs, leave)
      claim.signal?.addEventListener('abort', leave, { once: true })
      this.#waiters.add(waiter)
      this.pump()
    })
  }

  /** Claims for the first that wait. Called whenever there may be something; costs nothing when nobody waits. */
  pump(): void {
    const sharesClaims = this.#engine.store.capabilities.sharedClaims === true
    const waiters = this.#next(sharesClaims ? this.#width : 1)
    if (waiters.length === 0 || this.#serving.size >= (sharesClaims ? 1 : this.#width)) {
      // A claim on its way may have looked before there was something.
      this.#again = this.#serving.size > 0
      return
    }
    for (const waiter of waiters) waiter.isClaiming = true
    const served = this.#serve(waiters, sharesClaims ? mostTogether : mostFlights).finally(() => {
      this.#serving.delete(served)
      if (this.#isClosed || (!this.#plenty && !this.#again)) return
      this.#again = false
      this.pump()
    })
    this.#serving.add(served)
    if (this.#width > 1 && !sharesClaims) this.pump()
  }

  /** The first that no claim is on its way for, as far as one claim can serve them: never far from the front. */
  #next(most: number): readonly Waiter[] {
    const next: Waiter[] = []
    for (const waiter of this.#waiters) {
      if (next.length === most) break
      const { leaseMs, saysBegin } = (next[0] ?? waiter).claim
      const { claim, isClaiming } = waiter
      if (!isClaiming && claim.leaseMs === leaseMs && claim.saysBegin === saysBegin) next.push(waiter)
    }
    return next
  }

  /** @param most how many requests may be served at once where there is plenty */
  async #serve(waiters: readonly Waiter[], most: number): Promise<void> {
    const [first, ...others] = waiters.map(({ claim }) => claim)
    if (first === undefined) return
    try {
      const claimants = others.map(({ holder, worker, limit }) => ({ holder, worker, limit }))
      const { tasks, nextDueAt } = await claimFor(this.#engine, first, others.length === 0 ? undefined : claimants)
      const isFull = tasks.length === waiters.reduce((sum, { claim }) => sum + claim.limit, 0)
      this.#width = isFull && this.#plenty ? Math.min(most, this.#width * 2) : 1
      this.#plenty = isFull
      if (nextDueAt !== undefined) this.#sleep(nextDueAt)
      const unwanted = this.#answer(waiters, tasks)
      if (unwanted.length > 0) await giveBack(this.#engine, unwanted)
    } catch (error) {
      this.#plenty = false
      this.#width = 1
      for (const waiter of waiters) {
        if (!waiter.isClaiming) continue
        waiter.isClaiming = false
        waiter.fail(error)
      }
    }
  }

  /** Each gets what follows in the line. Answers what came for those who are gone. */
  #answer(waiters: readonly Waiter[], tasks: readonly Task[]): readonly Task[] {
    const unwanted: Task[] = []
    let place = 0
    for (const waiter of waiters) {
      const { claim } = waiter
      const own = tasks.slice(place, place + claim.limit)
      place += own.length
      waiter.isClaiming = false
      if (claim.signal?.aborted === true || this.#isClosed) {
        waiter.answer([])
        unwanted.push(...own)
      } else if (own.length > 0 || waiter.isOver) waiter.answer(own)
    }
    return unwanted
  }

  #sleep(until: number): void {
    const { clock } = this.#engine
    if (this.#isClosed || (!(until < this.#sleepUntil) && this.#sleepUntil > clock.now())) return
    this.#cancelSleep?.()
    this.#sleepUntil = until
    this.#cancelSleep = clock.at(until, () => {
      this.#sleepUntil = Number.POSITIVE_INFINITY
      this.pump()
    })
  }
}
