/** One worker: a connection, the tasks that it runs, what is to be reported, and its end. */
import { failureFrom, shown } from '@lovage/core'
import { type BatchItem, batchAnswers, decodeBatch } from '../wire/batch.ts'
import { eventNames } from '../wire/names.ts'
import { protocolVersion, type RegistrationOptions } from '../wire/registration.ts'
import { decodeSettlementAnswer } from '../wire/settlement.ts'
import { decodeDrain, decodeError } from '../wire/standing.ts'
import type { TaskAnswer } from '../wire/task.ts'
import { Connection } from './connection.ts'
import { HeldRuns } from './held-runs.ts'
import { newInstance } from './instance.ts'
import { type AnyItemOptions, type ItemPlan, planItem } from './item-options.ts'
import { Outbox, type Parcel, type Post } from './outbox.ts'
import { within } from './timers.ts'

/** How long a server may take for a last word that nobody waits for. */
const farewellMs = 1000

/** A worker that has begun to connect. */
export interface WorkerItem {
  readonly id: string
  /**
   * Stops: no new tasks; handlers that run may end within the grace of `shutdown`, then their tasks are given back; what they said
   * is told to the server; the connection ends. May be called twice.
   */
  close(): Promise<void>
  /** Takes no new tasks from now on, and resolves when those that run have ended and the server knows it. The connection stays. */
  drain(): Promise<void>
}

export class Item implements WorkerItem {
  readonly id: string
  readonly plan: ItemPlan
  readonly #options: AnyItemOptions
  readonly #instance = newInstance()
  readonly #outbox: Outbox
  readonly #runs: HeldRuns
  readonly #connection: Connection
  readonly #onOver: (item: Item) => void
  readonly #onAbort = (): void => void this.stop()
  #isDraining = false
  /** By a server that will be gone soon. */
  #isDrainedByServer = false
  #isOver = false
  #stopped: Promise<boolean> | undefined
  #onDown: (() => void) | undefined

  /** @param onOver called once, when there will be no other connect */
  constructor(options: AnyItemOptions, onOver: (item: Item) => void) {
    this.plan = planItem(options)
    this.id = options.id
    this.#options = options
    this.#onOver = onOver
    this.#outbox = new Outbox((parcel, answer) => this.#reported(parcel, answer))
    const onError = (message: string) => this.#trouble(message)
    this.#runs = new HeldRuns({
      handler: options.onTask,
      input: this.plan.input,
      capacity: this.plan.capacity,
      outbox: this.#outbox,
      say: (event, frame, onAnswer) => this.#connection.say(event, [frame], onAnswer),
      onError,
      isDraining: () => this.#isDraining || this.#isDrainedByServer,
    })
    this.#connection = new Connection(
      { id: this.id, url: this.plan.url, token: options.token, registration: () => this.#registration() },
      {
        registered: () => this.#registered(),
        welcomed: ({ lost }) => this.#welcomed(lost),
        received: (event, args) => this.#received(event, args),
        down: (reason) => this.#down(reason),
        over: () => this.#over(),
        trouble: onError,
      },
    )
  }

  /** Begins to connect, unless its signal has fired already. */
  open(): void {
    const { signal } = this.#options
    if (signal?.aborted === true) {
      void this.stop()
      return
    }
    signal?.addEventListener('abort', this.#onAbort)
    this.#connection.open()
  }

  async close(): Promise<void> {
    await this.stop()
  }

  async drain(): Promise<void> {
    this.#isDraining = true
    if (this.#connection.level === 1) this.#connection.say(eventNames.drain, [{}], () => {})
    await this.#runs.idle()
    await this.#outbox.empty()
  }

  /** Closes, and answers whether all handlers ended, and all was told, within the grace. */
  stop(): Promise<boolean> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<boolean> {
    const isInTime = this.#isOver || (await within(this.plan.graceMs, this.drain()))
    if (!isInTime) {
      this.#runs.giveBack()
      await within(farewellMs, this.#outbox.empty())
    }
    if (this.#connection.level === 1) {
      await within(farewellMs, this.#leave())
    }
    this.#connection.close()
    this.#over()
    return isInTime
  }

  /** Ends with the connection too: then there is nobody left to answer. */
  #leave(): Promise<void> {
    return new Promise((left) => {
      this.#onDown = left
      this.#connection.say(eventNames.leave, [{}], () => {
        // At once: a server that closes as well would make it look as if it had sent the worker away.
        this.#connection.close()
        left()
      })
    })
  }

  #registration(): RegistrationOptions {
    const { queues = [] } = this.#options
    const input = this.plan.input?.schema
    return {
      protocol: protocolVersion,
      instance: this.#instance,
      capacity: this.plan.capacity,
      ...(queues.length === 0 ? {} : { queues }),
      ...(input === undefined ? {} : { input }),
      resume: [...this.#runs.held(), ...this.#outbox.held()],
      features: ['ack', 'lease', 'cancel', 'progress', 'batch'],
    }
  }

  #registered(): void {
    this.#openOutbox()
    this.#call(() => this.#options.onConnect?.())
  }

  #welcomed(lost: readonly string[]): void {
    this.#outbox.drop(lost)
    this.#runs.lose(lost)
    if (this.#isDraining) this.#connection.say(eventNames.drain, [{}], () => {})
  }

  #openOutbox(): void {
    this.#outbox.open((parcels, onAnswer) => this.#post(parcels, onAnswer))
  }

  #post(...[parcels, onAnswer]: Parameters<Post>): void {
    if (parcels.length > 1 && this.#connection.takesBatches) {
      const items = parcels.map(({ event, frame }): BatchItem => [event, frame])
      this.#connection.say(eventNames.batch, [items], (said) => {
        const answers = batchAnswers(said)
        for (const [index, parcel] of parcels.entries()) onAnswer?.(parcel, answers[index])
      })
      return
    }
    for (const parcel of parcels) {
      this.#connection.say(parcel.event, [parcel.frame], onAnswer && ((answer) => onAnswer(parcel, answer)))
    }
  }

  #received(event: string, args: readonly unknown[]): void {
    const last = args.at(-1)
    const answer = typeof last === 'function' ? (said: object) => void last(said) : undefined
    if (event === eventNames.task) {
      // Who sends a task knows the worker, whatever else it has said.
      this.#openOutbox()
      this.#runs.take(args[0], answer)
    } else if (event === eventNames.batch) this.#takeAll(args, answer)
    else if (event === eventNames.cancel) this.#runs.cancel(args[0])
    else if (event === eventNames.drain) this.#drained(args, answer)
    else {
      const message = decodeError(args)
      this.#trouble(message.ok ? message.frame : shown(args[0], 1000))
    }
  }

  #takeAll(args: readonly unknown[], answer: ((said: object) => void) | undefined): void {
    this.#openOutbox()
    const batch = decodeBatch(args)
    if (!batch.ok) this.#trouble(`a batch was refused: ${batch.reason}`)
    const answers: (TaskAnswer | null)[] = []
    for (const [index, [event, frame]] of (batch.ok ? batch.frame : []).entries()) {
      answers[index] = null
      if (event === eventNames.task) {
        this.#runs.take(frame, (said) => {
          answers[index] = said
        })
      }
    }
    answer?.(answers)
  }

  #drained(args: readonly unknown[], answer: ((said: object) => void) | undefined): void {
    this.#isDrainedByServer = true
    answer?.({ running: this.#runs.size })
    const drain = decodeDrain(args)
    if (drain.ok && drain.frame.reason !== undefined) this.#trouble(`the server drains this worker: ${drain.frame.reason}`)
  }

  #reported({ frame }: Parcel, said: unknown): void {
    const answer = decodeSettlementAnswer(said)
    if (!answer.ok || answer.frame.ok) return
    // It is settled already, or others have it: the run was cancelled or given away, as its signal said.
    if (answer.frame.code === 'duplicate' || answer.frame.code === 'lost') return
    const { code, message } = answer.frame
    this.#trouble(
      `the server did not take what became of task ${frame.id} (${code})${message === undefined ? '' : `: ${message}`}`,
    )
  }

  #down(reason: string): void {
    this.#outbox.shut()
    this.#isDrainedByServer = false
    this.#onDown?.()
    this.#call(() => this.#options.onDisconnect?.(reason))
  }

  /** Nobody can be told any more: what runs is not wanted. */
  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#runs.loseAll()
    this.#outbox.dropAll()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#onOver(this)
  }

  #trouble(message: string): void {
    this.#options.onError?.(message)
  }

  /** An error of the user's own goes to the user, and leaves the worker as it is. */
  #call(callback: () => void): void {
    try {
      callback()
    } catch (thrown) {
      this.#trouble(`a callback of worker ${this.id} threw: ${failureFrom(thrown).message}`)
    }
  }
}
