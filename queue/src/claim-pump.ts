/** When a consumer claims: whenever there is room and reason to, twice at once where there is plenty, and when something is due. */
import type { CancelTimer, ClaimReply, Clock, Task } from '@lovage/core'

/** Claims under way at once where there is plenty. */
const flights = 2
/** When a claim that failed is tried again (milliseconds). */
const retryMs = 1000

/** What the pump needs of its consumer. */
export interface PumpHome {
  readonly clock: Clock
  /** The most tasks of one claim. */
  readonly limit: number
  /** For how many more tasks there is room; 0 while nothing is to be claimed. */
  room(): number
  claim(limit: number): Promise<ClaimReply>
  /** Hands over what a claim brought; `isDry` when there was less than asked for. */
  claimed(reply: ClaimReply, isDry: boolean): Promise<void>
  failed(error: unknown): void
  /** No claim is under way any more. */
  idle(): void
}

/** What became of a claim that was asked for. */
export interface Claimed {
  /** How many of the tasks that it was about came. */
  readonly claimed: number
  /** There is nothing more. */
  readonly isDry: boolean
}

interface Request {
  isMeant(task: Task): boolean
  resolve(claimed: Claimed): void
  reject(error: unknown): void
}

export class ClaimPump {
  readonly #home: PumpHome
  #underWay = 0
  #again = false
  /** The last claim was full: there is more, and a second claim at once pays. */
  #plenty = false
  /** Those that no claim has begun for. */
  readonly #requests: Request[] = []
  #cancelSleep: CancelTimer | undefined
  #sleepUntil = Number.POSITIVE_INFINITY
  readonly #idle: (() => void)[] = []

  constructor(home: PumpHome) {
    this.#home = home
  }

  get isClaiming(): boolean {
    return this.#underWay > 0
  }

  /** Claims as much as there is room for. Called whenever that may have changed; costs nothing when it has not. */
  pump(): void {
    const room = this.#home.room() - this.#underWay * this.#home.limit
    if (this.#underWay >= (this.#plenty ? flights : 1) || room <= 0) {
      this.#again = this.#underWay > 0
      if (!this.#again) this.#turnAway()
      return
    }
    this.#underWay++
    void this.#claim(Math.min(room, this.#home.limit)).then(() => {
      this.#underWay--
      if (this.#underWay === 0) this.#done()
      if (this.#plenty || this.#again) {
        this.#again = false
        this.pump()
      }
    })
    if (this.#plenty) this.pump()
  }

  /**
   * Claims because of tasks that have just been heard of. One that is under way may have looked too early: what counts is the next.
   * Without room nobody looks, so that there may be more.
   */
  claimed(isMeant: (task: Task) => boolean): Promise<Claimed> {
    return new Promise((resolve, reject) => {
      this.#requests.push({ isMeant, resolve, reject })
      this.pump()
    })
  }

  /** Resolves when no claim is under way. */
  async whenIdle(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Sleeps no longer than to this time (epoch milliseconds). */
  sleep(until: number): void {
    const { clock } = this.#home
    const now = clock.now()
    if (!(until < this.#sleepUntil) && this.#sleepUntil > now) return
    this.#cancelSleep?.()
    this.#sleepUntil = until
    this.#cancelSleep = clock.at(until, () => {
      this.#sleepUntil = Number.POSITIVE_INFINITY
      this.pump()
    })
  }

  /** Forgets what it slept for. */
  close(): void {
    this.#cancelSleep?.()
  }

  async #claim(limit: number): Promise<void> {
    const requests = this.#requests.splice(0)
    try {
      const reply = await this.#home.claim(limit)
      const isDry = reply.tasks.length < limit
      this.#plenty = !isDry
      if (reply.nextDueAt !== undefined) this.sleep(reply.nextDueAt)
      await this.#home.claimed(reply, isDry)
      for (const { isMeant, resolve } of requests) resolve({ claimed: reply.tasks.filter(isMeant).length, isDry })
    } catch (error) {
      this.#plenty = false
      for (const { reject } of requests) reject(error)
      this.#home.failed(error)
      this.sleep(this.#home.clock.now() + retryMs)
    }
  }

  #turnAway(): void {
    for (const { resolve } of this.#requests.splice(0)) resolve({ claimed: 0, isDry: false })
  }

  #done(): void {
    this.#home.idle()
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
