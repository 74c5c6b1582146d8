/** The way of a process to Redis: joined at once or not at all, and after a break joined again for ever. */
import { type CancelTimer, type Clock, StoreError } from '@lovage/core'
import type { LinkListener } from '../transport.ts'
import { type InboxListener, LineLost, RedisLine } from './redis-line.ts'
import type { LinkSettings } from './redis-options.ts'

/** Who lives on the line and moves with it to the next one. */
export interface Lodger {
  /** A new line is there: subscribe, watch, make up for what was missed. */
  enter(line: RedisLine): Promise<void>
}

/** Seconds before each attempt to come back; the last one for ever (celery.md 5). */
const waitsMs = [0, 2000, 4000, 8000, 16_000, 32_000] as const
/** Lines that break within this time of each other count as one break, so that Redis is not stormed. */
const settledMs = 1000
/** A silent line is asked whether it is alive, and has so long to say so. */
const answerMs = 10_000

export class RedisLink {
  readonly #settings: LinkSettings
  readonly #clock: Clock
  readonly #inbox: InboxListener
  readonly #lodgers = new Set<Lodger>()
  readonly #listeners = new Set<LinkListener>()
  #line: RedisLine | undefined
  #upSince = 0
  #attempt = 0
  #isRefused = false
  #isClosed = false
  #next: CancelTimer | undefined
  #health: CancelTimer | undefined
  #joining: Promise<void> = Promise.resolve()
  /** Those who wait for the next line. */
  #waiters: { resolve(line: RedisLine): void; reject(error: Error): void }[] = []

  private constructor(settings: LinkSettings, clock: Clock, inbox: InboxListener) {
    this.#settings = settings
    this.#clock = clock
    this.#inbox = inbox
  }

  /** @throws {StoreError} STORE_UNAVAILABLE when Redis cannot be reached: only what was there once is waited for */
  static async open(settings: LinkSettings, clock: Clock, inbox: InboxListener): Promise<RedisLink> {
    const link = new RedisLink(settings, clock, inbox)
    await link.#join()
    return link
  }

  /** The line that is there, if one is. */
  get line(): RedisLine | undefined {
    return this.#line
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Enters the line that is there, and every one that follows. */
  async lodge(lodger: Lodger): Promise<void> {
    await this.persist(async (line) => {
      this.#lodgers.add(lodger)
      try {
        await lodger.enter(line)
      } catch (error) {
        this.#lodgers.delete(lodger)
        throw error
      }
    })
  }

  dislodge(lodger: Lodger): void {
    this.#lodgers.delete(lodger)
  }

  /** @throws {StoreError} STORE_CLOSED */
  whenUp(): Promise<RedisLine> {
    if (this.#isClosed) return Promise.reject(closed())
    if (this.#line !== undefined) return Promise.resolve(this.#line)
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  /**
   * Does something that may be done twice, on the next line again when one breaks before the answer. It begins before this returns
   * if there is a line, so that it goes out with everything else of this turn.
   * @throws {StoreError} STORE_CLOSED
   */
  persist<Answer>(work: (line: RedisLine, isRepeated: boolean) => Promise<Answer>): Promise<Answer> {
    const line = this.#line
    return line === undefined ? this.#repeat(work, false) : this.#once(line, work, false)
  }

  async #repeat<Answer>(work: (line: RedisLine, isRepeated: boolean) => Promise<Answer>, isRepeated: boolean): Promise<Answer> {
    return this.#once(await this.whenUp(), work, isRepeated)
  }

  async #once<Answer>(
    line: RedisLine,
    work: (line: RedisLine, isRepeated: boolean) => Promise<Answer>,
    isRepeated: boolean,
  ): Promise<Answer> {
    try {
      return await work(line, isRepeated)
    } catch (error) {
      if (!(error instanceof LineLost)) throw error
      // Its loss is told a moment later than the loss of what was asked on it.
      this.#lose(line, error)
      return this.#repeat(work, true)
    }
  }

  watch(listener: LinkListener): () => void {
    const told = { lost: (error: Error) => listener.lost(error), back: () => listener.back() }
    this.#listeners.add(told)
    return () => void this.#listeners.delete(told)
  }

  /** What Redis refuses to do again and again is told like its loss, until it does it. */
  complain(error: Error): void {
    if (this.#isRefused || this.#isClosed) return
    this.#isRefused = true
    for (const listener of [...this.#listeners]) listener.lost(error)
  }

  /** What was refused is done again. */
  recovered(): void {
    if (!this.#isRefused) return
    this.#isRefused = false
    for (const listener of [...this.#listeners]) listener.back()
  }

  /** May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#next?.()
    this.#health?.()
    const line = this.#line
    this.#line = undefined
    for (const { reject } of this.#waiters.splice(0)) reject(closed())
    await this.#joining.catch(() => {})
    await line?.close()
  }

  async #join(): Promise<void> {
    let loss: Error | undefined
    const line: RedisLine = await RedisLine.open(this.#settings, this.#inbox, (error) => {
      loss = error
      this.#lose(line, error)
    })
    try {
      for (const lodger of this.#lodgers) await lodger.enter(line)
      if (loss !== undefined) throw loss
    } catch (error) {
      line.end()
      throw error
    }
    if (this.#isClosed) return line.end()
    this.#line = line
    this.#upSince = this.#clock.now()
    this.#checkLater(line)
    for (const { resolve } of this.#waiters.splice(0)) resolve(line)
  }

  #lose(line: RedisLine, error: Error): void {
    if (this.#line !== line) return
    this.#line = undefined
    this.#isRefused = false
    line.end()
    this.#health?.()
    if (this.#isClosed) return
    this.#attempt = this.#clock.now() - this.#upSince < settledMs ? 1 : 0
    this.#return()
    for (const listener of [...this.#listeners]) listener.lost(error)
  }

  #return(): void {
    const waitMs = waitsMs[Math.min(this.#attempt, waitsMs.length - 1)] ?? 0
    this.#attempt++
    this.#next = this.#clock.at(this.#clock.now() + waitMs, () => {
      this.#joining = this.#join().then(
        () => {
          if (this.#line === undefined) return
          for (const listener of [...this.#listeners]) listener.back()
        },
        () => {
          if (!this.#isClosed) this.#return()
        },
      )
    })
  }

  #checkLater(line: RedisLine): void {
    this.#health = this.#clock.at(this.#clock.now() + this.#settings.healthCheckMs, () => {
      void line.check(answerMs).then(() => {
        if (this.#line === line) this.#checkLater(line)
      })
    })
  }
}

function closed(): StoreError {
  return new StoreError('STORE_CLOSED', 'expected the connection to Redis to be open, got: it was closed')
}
