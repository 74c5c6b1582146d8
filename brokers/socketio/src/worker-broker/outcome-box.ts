/** Outcomes on their way: told in batches, kept until the server has answered, and told again after every reconnect. */
import { type LovageError, type Outcome, ProtocolError, type RunRef, TaskError } from '@lovage/core'
import { leaseOf } from '../gateway/identity.ts'
import { eventNames } from '../wire/names.ts'
import { decodeOutcomeAnswers, type OutcomeAnswer, travellingOutcome } from '../wire/outcomes.ts'
import type { HeldTask } from '../wire/registration.ts'
import { Outbox } from '../workers/outbox.ts'
import type { Line } from './line.ts'

interface Parcel {
  readonly frame: { readonly id: string; readonly lease: string }
  readonly ref: RunRef
  readonly outcome: Outcome
  /** Epoch milliseconds of this process. */
  readonly startedAt: number | undefined
  resolve(counted: boolean): void
  reject(error: LovageError): void
}

export class OutcomeBox {
  readonly #line: () => Line
  readonly #outbox: Outbox<Parcel>
  readonly #open = new Set<Parcel>()

  constructor(line: () => Line) {
    this.#line = line
    this.#outbox = new Outbox(
      (parcel, answer) => this.#answered(parcel, answer as OutcomeAnswer | undefined),
      ({ outcome }) => 200 + 3 * JSON.stringify(outcome).length,
    )
  }

  /** Resolves when the server has written it. @throws {TaskError} INPUT_UNSERIALIZABLE when it cannot */
  add(ref: RunRef, outcome: Outcome, startedAt: number | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const frame = { id: ref.id, lease: leaseOf(ref.run) }
      const parcel: Parcel = { frame, ref, outcome: travellingOutcome(outcome), startedAt, resolve, reject }
      this.#open.add(parcel)
      this.#outbox.add(parcel)
    })
  }

  get held(): readonly HeldTask[] {
    return this.#outbox.held()
  }

  has({ id, run }: RunRef): boolean {
    return [...this.#open].some(({ ref }) => ref.id === id && ref.run === run)
  }

  /** The line is up. */
  up(): void {
    this.#outbox.open((parcels, onAnswer) => {
      const now = Date.now()
      const entries = parcels.map(({ ref, outcome, startedAt }) => {
        const begun = startedAt === undefined ? {} : { begunMsAgo: Math.max(0, now - startedAt) }
        return { ...ref, ...begun, outcome }
      })
      void this.#line()
        .ask(eventNames.outcomes, [entries])
        .then(
          (said) => {
            const answers = decodeOutcomeAnswers(said)
            for (const [index, parcel] of parcels.entries()) {
              onAnswer?.(parcel, answers.ok ? answers.frame[index] : undefined)
            }
          },
          // They are told again when it is up.
          () => {},
        )
    })
  }

  down(): void {
    this.#outbox.shut()
  }

  /** The server says that these are not the worker's any more. */
  drop(ids: readonly string[]): void {
    this.#outbox.drop(ids)
    for (const parcel of [...this.#open]) if (ids.includes(parcel.ref.id)) this.#end(parcel).resolve(false)
  }

  /** Resolves when all that was added is answered. */
  empty(): Promise<void> {
    return this.#outbox.empty()
  }

  /** Nobody will answer any more. */
  end(error: LovageError): void {
    this.#outbox.shut()
    this.#outbox.dropAll()
    for (const parcel of [...this.#open]) this.#end(parcel).reject(error)
  }

  #answered(parcel: Parcel, answer: OutcomeAnswer | undefined): void {
    this.#end(parcel)
    if (answer?.ok === true) parcel.resolve(true)
    else if (answer?.code === 'lost') parcel.resolve(false)
    else if (answer?.code === 'invalid') {
      const message = `expected an outcome that the server can read, got one that it refuses: ${answer.message ?? 'no reason given'}`
      parcel.reject(new TaskError('INPUT_UNSERIALIZABLE', message))
    } else parcel.reject(new ProtocolError('PROTOCOL_INVALID', 'expected an answer to each outcome, got none'))
  }

  #end(parcel: Parcel): Parcel {
    this.#open.delete(parcel)
    return parcel
  }
}
