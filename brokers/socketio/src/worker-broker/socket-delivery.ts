/** A task that came over a socket, on its way through a worker. */
import {
  BugError,
  type DeliveredMessage,
  type Delivery,
  type DeliveryNote,
  type Outcome,
  type RunRef,
  TaskError,
} from '@lovage/core'
import type { DeliveredTask } from '../wire/delivered.ts'
import { limits } from '../wire/limits.ts'

/** What a delivery needs of its consumer. */
export interface DeliveryHome {
  /** Whether the run may begin; rejects when nobody could be asked. */
  begin(delivery: SocketDelivery): Promise<boolean>
  note(ref: RunRef, note: DeliveryNote): void
  settle(delivery: SocketDelivery, outcome: Outcome, startedAt: number | undefined): Promise<boolean>
}

export class SocketDelivery implements Delivery {
  readonly message: DeliveredMessage
  readonly ref: RunRef
  readonly #home: DeliveryHome
  readonly #asks: boolean
  #startedAt: number | undefined
  #isSettled = false

  /** @throws {SyntaxError} when its input is not JSON */
  constructor(home: DeliveryHome, { input, asks = false, extras, ...rest }: DeliveredTask) {
    this.message = { ...rest, ...extras, input: input === undefined ? undefined : (JSON.parse(input) as unknown) }
    this.ref = { id: rest.id, run: rest.run }
    this.#home = home
    this.#asks = asks
  }

  get redelivered(): boolean {
    return this.message.run > 0
  }

  accept(): Promise<boolean> | undefined {
    this.#startedAt = Date.now()
    return this.#asks ? this.#home.begin(this) : undefined
  }

  note(note: DeliveryNote): void {
    const problem = note.progress === undefined ? undefined : problemOf(note.progress, `progress of ${this.message.name}`)
    if (problem === undefined) this.#home.note(this.ref, note)
    else this.#home.note(this.ref, { line: { level: 'warn', text: problem.message } })
  }

  settle(outcome: Outcome): Promise<boolean> {
    const { id, name, run } = this.message
    if (this.#isSettled) {
      const message = `expected task ${id} run ${run} to be settled once, got a second outcome: ${outcome.type}`
      return Promise.reject(new BugError('SETTLED_TWICE', message))
    }
    const problem = outcome.type === 'completed' ? problemOf(outcome.result, `result of ${name}`) : undefined
    if (problem !== undefined) return Promise.reject(problem)
    this.#isSettled = true
    return this.#home.settle(this, outcome, this.#startedAt)
  }

  /** The outcome could not be written: the worker may settle again. */
  reopen(): void {
    this.#isSettled = false
  }
}

/** Why a value cannot be sent. */
function problemOf(value: unknown, what: string): TaskError | undefined {
  if (value === undefined || value === null || typeof value === 'boolean') return undefined
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    const why = (cause as Error).message
    const message = `expected the ${what} to be a JSON value, got one that cannot be written: ${why}`
    return new TaskError('INPUT_UNSERIALIZABLE', message, { cause })
  }
  if (text === undefined)
    return new TaskError('INPUT_UNSERIALIZABLE', `expected the ${what} to be a JSON value, got: ${typeof value}`)
  const isClear = text.length * 3 <= limits.payloadBytes
  const bytes = isClear ? text.length : Buffer.byteLength(text)
  if (bytes <= limits.payloadBytes) return undefined
  const message = `expected the ${what} to have at most ${limits.payloadBytes} bytes as JSON, got: ${bytes}; keep large data elsewhere and send a reference`
  return new TaskError('PAYLOAD_TOO_LARGE', message)
}
