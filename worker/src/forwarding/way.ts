/** The way to one queue of another broker: what is under way there, and what becomes of it while nothing is taken. */
import { type CancelTimer, type Clock, failureFrom, type Logger, LovageError } from '@lovage/core'
import type { JobEnd } from '../pool.ts'
import type { Handing } from './handing.ts'
import { Outage } from './outage.ts'

/** A send that takes longer (milliseconds) tells that the other broker is away: some wait for it and say nothing. */
const longMs = 5000
/** The most that try it between two pauses where one of them may be taken though others are not. */
const mostTried = 200
/** A part of which nothing was refused for so long (milliseconds), though its tasks come back within a minute, is out of mind. */
const partMs = 120_000

export interface WayOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** What the other broker is called. */
  readonly place: string
  /** The queue there. */
  readonly queue: string
  /** The most tasks that try it while it takes nothing. */
  readonly probes: () => number
  /** Whether those who wait to try again hold so many places, on all ways together, that no more should. */
  readonly isCrowded: () => boolean
  /** Whether it can be kept from coming what would only go back again. */
  readonly canRest: () => boolean
  /** `resting` has changed. */
  readonly onRest: () => void
}

export class Way {
  readonly outage: Outage
  readonly #options: WayOptions
  readonly #underWay = new Set<Handing>()
  /** Of which queues here tasks come. */
  readonly #sources = new Set<string>()
  /** By how many the first of those under way was preceded. */
  readonly #takenBefore = new WeakMap<Handing, number>()
  #taken = 0
  /** It takes nothing of anybody. */
  #isClosed = false
  /** Closed, and nobody tries it before the pause is over. */
  #isQuiet = false
  /** How many have met, since the last pause, what may be about their part of it only; and how many may. */
  #tried = 0
  #mayTry = 0
  /** When a task of this priority was last refused for what may be about that priority only, in epoch milliseconds. */
  readonly #refusedParts = new Map<number, number>()
  #isResting = false
  #cancelWatch: CancelTimer | undefined

  constructor(options: WayOptions) {
    const { clock, logger, place, queue } = options
    this.#options = options
    this.outage = new Outage(clock, logger, place, queue)
  }

  /** Queues of which nothing should come for now: those who try it are enough. */
  get resting(): readonly string[] {
    return this.#isResting ? [...this.#sources] : []
  }

  /** False where enough others try it: the task is for later. */
  enter(handing: Handing): boolean {
    const { queue } = handing.message
    const isNew = !this.#sources.has(queue)
    if (isNew) this.#sources.add(queue)
    if (this.#isClosed && (this.#isQuiet || this.#underWay.size >= this.#mostProbes())) {
      this.#rest(true, isNew || !this.#isResting)
      return false
    }
    this.#underWay.add(handing)
    this.#takenBefore.set(handing, this.#taken)
    this.#cancelWatch ??= this.#watch(handing)
    return true
  }

  leave(handing: Handing): void {
    this.#underWay.delete(handing)
    if (this.#underWay.size > 0) return
    // Nobody tries it any more: whoever comes next does, in time.
    if (!this.#isQuiet) this.#rest(false)
    this.close()
  }

  /** It took a task. */
  took({ message }: Handing): void {
    this.#taken++
    this.#isClosed = false
    this.#tried = 0
    this.#mayTry = 0
    this.outage.taken(!this.#isPartRefused(message.priority))
    this.#rest(false)
  }

  /** It did not take a task. Resolves when it is time to try again, with undefined; otherwise at once with the end of the task's run. */
  async refused(handing: Handing, error: unknown): Promise<JobEnd | undefined> {
    const { canRest, isCrowded } = this.#options
    const pause = this.outage.wait(error)
    if (isClosing(error)) this.#shut()
    if (!canRest() || !(isPartial(error) || isCrowded())) {
      handing.isWaiting = true
      await pause
      handing.isWaiting = false
      return undefined
    }
    if (isPartial(error)) this.#tryOthers(handing, pause)
    else if (isClosing(error)) {
      this.#beQuiet(pause)
      return { type: 'kept' }
    }
    return { type: 'kept', failure: failureFrom(error) }
  }

  /** Forgets what it watches for. */
  close(): void {
    this.#cancelWatch?.()
    this.#cancelWatch = undefined
  }

  /** Only few keep trying; the others are for later. */
  #shut(): void {
    this.#isClosed = true
    const excess = [...this.#underWay].slice(this.#mostProbes())
    if (excess.length === 0) return
    this.#rest(true)
    for (const handing of excess) handing.recede()
  }

  /** One that goes back for a while makes room for another, of a part that may be open; the longer it takes, for the more of them. */
  #tryOthers({ message }: Handing, pause: Promise<void>): void {
    this.#refusedParts.set(message.priority, this.#options.clock.now())
    this.#mayTry = Math.max(this.#mayTry, this.#options.probes())
    if (++this.#tried < this.#mayTry) return
    this.#tried = 0
    this.#mayTry = Math.min(mostTried, 2 * this.#mayTry)
    this.#beQuiet(pause)
  }

  /** Whether others than those of this priority, of which one was taken, are refused still. */
  #isPartRefused(priority: number): boolean {
    if (this.#refusedParts.size === 0) return false
    this.#refusedParts.delete(priority)
    const long = this.#options.clock.now() - partMs
    for (const [part, at] of this.#refusedParts) if (at < long) this.#refusedParts.delete(part)
    return this.#refusedParts.size > 0
  }

  /** Whoever comes after the pause tries it. */
  #beQuiet(pause: Promise<void>): void {
    if (this.#isQuiet) return
    this.#isQuiet = true
    this.#rest(true)
    void pause.then(() => {
      this.#isQuiet = false
      this.#rest(false)
    })
  }

  #mostProbes(): number {
    return Math.max(this.#options.probes(), this.#mayTry)
  }

  #rest(isResting: boolean, hasChanged = this.#isResting !== isResting): void {
    if (!hasChanged) return
    this.#isResting = isResting
    this.#options.onRest()
  }

  #watch({ since }: Handing): CancelTimer {
    return this.#options.clock.at(since + longMs, () => {
      this.#cancelWatch = undefined
      const oldest = this.#unanswered()
      if (oldest === undefined) return
      if (oldest.since + longMs <= this.#options.clock.now()) {
        this.outage.begin(oldest.since)
        this.#shut()
      } else this.#cancelWatch = this.#watch(oldest)
    })
  }

  /** The first after which nothing was taken. */
  #unanswered(): Handing | undefined {
    for (const handing of this.#underWay) if (this.#takenBefore.get(handing) === this.#taken) return handing
    return undefined
  }
}

/** It is about the queue there, or its broker: what nobody foresaw may be about one task. */
function isClosing(error: unknown): boolean {
  return LovageError.is(error) && (error.name === 'StoreError' || error.code === 'QUEUE_MISMATCH')
}

/** It lasts, and may be about a part of the queue only, such as the list of one priority: another task may be taken. */
function isPartial(error: unknown): boolean {
  return LovageError.is(error) && error.name === 'StoreError' && !error.retryable
}
