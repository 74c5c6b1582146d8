/** Brings outcomes to the broker and does not let go of one until it is safe. */
import { BugError, type Clock, failureFrom, LovageError, type Outcome, type Random } from '@lovage/core'
import { InFlight } from './in-flight.ts'
import type { Unsettled } from './task-run.ts'

/** Milliseconds. */
const firstPause = 100
const longestPause = 10_000
/** How often an outcome is tried that fails of what nobody foresaw: for some 10 seconds. */
const mostAttempts = 8

export interface SettlerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly report: (error: Error) => void
}

export class Settler {
  readonly inFlight = new InFlight()
  readonly #options: SettlerOptions
  /** Runs whose outcome the broker has not taken yet. */
  readonly #insisting = new Set<Unsettled>()
  #gaveUp = false

  constructor(options: SettlerOptions) {
    this.#options = options
  }

  /**
   * Resolves with the outcome that counted: another than the given one where that could not be written, or where a completion was
   * committed in a transaction of the handler's. Undefined when the run
   * was no longer this worker's, or it was given up. Never rejects.
   */
  settle(run: Unsettled, outcome: Outcome): Promise<Outcome | undefined> {
    this.inFlight.begin()
    return attempt(run, outcome).then(
      (counts) => {
        this.inFlight.end()
        return counts ? outcome : run.delivery.committed
      },
      (error: unknown) => this.#insistOn(run, outcome, asError(error)),
    )
  }

  /**
   * One more attempt for every outcome; what cannot be settled then is left to the broker, which delivers it again when the lease or
   * the connection ends.
   */
  giveUp(): void {
    this.#gaveUp = true
    for (const run of this.#insisting) run.wake?.()
  }

  /** Runs that have an outcome which the broker has refused so far. */
  get insisting(): Iterable<Unsettled> {
    return this.#insisting
  }

  async #insistOn(run: Unsettled, outcome: Outcome, error: Error): Promise<Outcome | undefined> {
    this.#insisting.add(run)
    try {
      return await this.#insist(run, outcome, error)
    } finally {
      this.#insisting.delete(run)
      this.inFlight.end()
    }
  }

  async #insist(run: Unsettled, first: Outcome, firstError: Error): Promise<Outcome | undefined> {
    let outcome = first
    let error = firstError
    for (let attempt = 0; ; attempt++) {
      this.#options.report(error)
      const isOver = attempt + 1 >= mostAttempts && !isForeseen(error)
      const next = isOver ? insteadOf(outcome, error) : afterError(outcome, error)
      if (isOver) {
        this.#options.report(gaveUp(run, outcome, error, next))
        if (next === undefined) run.delivery.abandon?.()
      }
      if (next === undefined) return undefined
      if (next === outcome) await this.#pause(run, attempt)
      outcome = next
      if (run.disowned) return undefined
      const last = this.#gaveUp
      try {
        return (await run.delivery.settle(outcome)) ? outcome : run.delivery.committed
      } catch (again) {
        error = asError(again)
        if (!last) continue
        this.#options.report(error)
        return undefined
      }
    }
  }

  async #pause(run: Unsettled, attempt: number): Promise<void> {
    if (this.#gaveUp || run.disowned) return
    const { clock, random } = this.#options
    const pause = Math.min(longestPause, firstPause * 2 ** Math.min(attempt, 20)) * (1 - 0.2 * random())
    await new Promise<void>((resolve) => {
      const cancel = clock.at(clock.now() + pause, resolve)
      run.wake = () => {
        cancel()
        resolve()
      }
    })
    run.wake = undefined
  }
}

/** The outcome to try next: another one where this one can never be written, none where no attempt can ever count. */
function afterError(outcome: Outcome, error: Error): Outcome | undefined {
  if (LovageError.is(error, 'SETTLED_TWICE') || LovageError.is(error, 'STORE_CLOSED')) return undefined
  if (!LovageError.is(error, 'INPUT_UNSERIALIZABLE') && !LovageError.is(error, 'PAYLOAD_TOO_LARGE')) return outcome
  if (outcome.type === 'completed') return { type: 'failed', failure: failureFrom(error) }
  if (!('failure' in outcome) || outcome.failure?.stack === undefined) return undefined
  const { name, message } = outcome.failure
  return { ...outcome, failure: { name, message: message.slice(0, 1000) } }
}

/** What brokers say in errors of Lovage's they mean: whatever it is may pass. Anything else is a fault in what writes the outcome. */
function isForeseen(error: Error): boolean {
  return LovageError.is(error) && error.code !== 'BUG'
}

/** A task that has run has failed of the fault, unless not even that can be written. */
function insteadOf(outcome: Outcome, error: Error): Outcome | undefined {
  const hasRun = outcome.type === 'completed' || outcome.type === 'retried'
  return hasRun ? { type: 'failed', failure: failureFrom(error) } : undefined
}

function gaveUp({ delivery }: Unsettled, outcome: Outcome, cause: Error, next: Outcome | undefined): BugError {
  const { id } = delivery.message
  const end =
    next === undefined ? 'it is left to the broker, which delivers the task again when it can' : 'the task has failed of that'
  const message = `expected the broker to take the outcome \`${outcome.type}\` of task ${id}, got again and again: ${cause.message}; ${end}`
  return new BugError('BUG', message, { cause, subject: id })
}

/** Rejects also where a broker throws instead. */
function attempt({ delivery }: Unsettled, outcome: Outcome): Promise<boolean> {
  try {
    return delivery.settle(outcome)
  } catch (error) {
    return Promise.reject(error)
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
