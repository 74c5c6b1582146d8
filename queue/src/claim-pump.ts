/** When a consumer claims: whenever there is room and reason to, twice at once where there is plenty, and when something is due. */
import type { CancelTimer, ClaimReply, Clock } from '@lovage/core'

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

export class ClaimPump {
  readonly #home: PumpHome
  #underWay = 0
  #again = false
  /** The last claim was full: there is more, and a second claim at once pays. */
  #plenty = false
  #taken = 0
  #failure: unknown
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

  /** Claims now, and resolves when nothing is under way: how many tasks came, and whether there is nothing more. */
  async claimed(): Promise<{ readonly claimed: number; readonly isDry: boolean }> {
    const before = this.#taken
    this.pump()
    await this.whenIdle()
    if (this.#failure !== undefined) throw this.#failure
    return { claimed: this.#taken - before, isDry: !this.#plenty }
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
    try {
      const reply = await this.#home.claim(limit)
      this.#plenty = reply.tasks.length === limit
      this.#taken += reply.tasks.length
      this.#failure = undefined
      if (reply.nextDueAt !== undefined) this.sleep(reply.nextDueAt)
      await this.#home.claimed(reply, !this.#plenty)
    } catch (error) {
      this.#plenty = false
      this.#failure = error
      this.#home.failed(error)
      this.sleep(this.#home.clock.now() + retryMs)
    }
  }

  #done(): void {
    this.#home.idle()
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
