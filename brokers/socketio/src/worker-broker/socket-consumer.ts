/** The inflow of one worker over a socket: the gateway claims for it, this end keeps the books of what came. */
import {
  ConfigError,
  type ConsumeOptions,
  type Consumer,
  type ConsumerListener,
  type DeliveryNote,
  failureFrom,
  type LovageError,
  type Outcome,
  ProtocolError,
  type RevokeReason,
  type RunRef,
  StoreError,
} from '@lovage/core'
import { instanceHolder, leaseOf } from '../gateway/identity.ts'
import { batches } from '../wire/batch.ts'
import {
  type DeliveredTask,
  decodeBegun,
  decodeDelivered,
  decodeMayBegin,
  decodeRevoked,
  type RunNote,
} from '../wire/delivered.ts'
import { decodeInflowAnswer, type InflowFrame } from '../wire/inflow.ts'
import { limits } from '../wire/limits.ts'
import { eventNames } from '../wire/names.ts'
import { protocolVersion, type RegistrationAnswer, type RegistrationOptions } from '../wire/registration.ts'
import { newInstance } from '../workers/instance.ts'
import { within } from '../workers/timers.ts'
import { Gather } from './gather.ts'
import { Line } from './line.ts'
import { OutcomeBox } from './outcome-box.ts'
import { type DeliveryHome, SocketDelivery } from './socket-delivery.ts'

/** What a consumer stands on. */
export interface ConsumerGround {
  readonly url: string
  readonly token: string | undefined
  /** Where this process runs. */
  readonly host: string
  readonly pid: number
  readonly options: ConsumeOptions
  readonly listener: ConsumerListener
  /** A command for the worker. */
  command(args: readonly unknown[]): void
  /** There is no line any more. */
  closed(consumer: SocketConsumer): void
}

/** How long a server has for the last words of who leaves. */
const farewellMs = 5000
/** Notes that are kept while the server is away; later ones are dropped. */
const mostNotes = 1000

interface Beginning {
  readonly delivery: SocketDelivery
  resolve(may: boolean): void
  reject(error: unknown): void
}

export class SocketConsumer implements Consumer, DeliveryHome {
  readonly holder: string
  readonly line: Line
  readonly #ground: ConsumerGround
  readonly #instance = newInstance()
  readonly #outcomes = new OutcomeBox(() => this.line)
  /** Delivered and not settled. */
  readonly #deliveries = new Map<string, SocketDelivery>()
  readonly #beginnings = new Gather<Beginning>((all) => void this.#begin(all))
  readonly #notes = new Gather<RunNote>((notes) => this.#tellNotes(notes))
  #kept: RunNote[] = []
  #inflow: InflowFrame
  #closing: Promise<void> | undefined
  #wasUp = false

  constructor(ground: ConsumerGround) {
    const { options, url, token } = ground
    this.#ground = ground
    this.holder = instanceHolder(options.worker, this.#instance)
    this.#inflow = { queues: [...options.queues], prefetch: capped(options.prefetch), paused: false, resting: [], skipped: [] }
    this.line = new Line(
      { url, token, id: options.worker, registration: () => this.#registration() },
      {
        up: (welcome) => this.#up(welcome),
        down: () => this.#down(),
        over: (error) => this.#over(error),
        received: (event, args) => this.#received(event, args),
        trouble: (error) => this.#wasUp && this.#closing === undefined && ground.listener.error(error),
      },
    )
  }

  /** Resolves when the server knows the worker. @throws {LovageError} why it does not take it */
  async open(): Promise<void> {
    this.line.open()
    await this.line.whenUp()
  }

  pause(): void {
    this.#change({ paused: true })
  }

  resume(): void {
    this.#change({ paused: false })
  }

  setPrefetch(prefetch: number): void {
    if (capped(prefetch) !== this.#inflow.prefetch) this.#change({ prefetch: capped(prefetch) })
  }

  skip(names: readonly string[]): void {
    this.#change({ skipped: [...names] })
  }

  rest(queues: readonly string[]): void {
    this.#change({ resting: [...queues] })
  }

  async addQueue(queue: string): Promise<void> {
    const { queues } = this.#inflow
    if (queues.includes(queue)) return
    this.#inflow = { ...this.#inflow, queues: [...queues, queue] }
    try {
      await this.#tellInflow()
    } catch (error) {
      this.#inflow = { ...this.#inflow, queues: this.#inflow.queues.filter((other) => other !== queue) }
      throw error
    }
  }

  async cancelQueue(queue: string): Promise<void> {
    if (!this.#inflow.queues.includes(queue)) return
    this.#inflow = { ...this.#inflow, queues: this.#inflow.queues.filter((other) => other !== queue) }
    await this.#tellInflow()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  begin(delivery: SocketDelivery): Promise<boolean> {
    return new Promise((resolve, reject) => this.#beginnings.add({ delivery, resolve, reject }))
  }

  note({ id, run }: RunRef, { progress, line }: DeliveryNote): void {
    if (this.#deliveries.get(id)?.ref.run !== run) return
    // It can be written: the delivery has seen to that.
    const kept = progress === undefined ? {} : { progress: progress as NonNullable<RunNote['progress']> }
    this.#notes.add({ id, run, ...kept, ...(line === undefined ? {} : { line }) })
  }

  async settle(delivery: SocketDelivery, outcome: Outcome, startedAt: number | undefined): Promise<boolean> {
    const { id } = delivery.ref
    if (this.#deliveries.get(id) !== delivery) return false
    this.#deliveries.delete(id)
    // What was noted comes first: notes of ended runs are dropped.
    this.#notes.now()
    try {
      return await this.#outcomes.add(delivery.ref, outcome, startedAt)
    } catch (error) {
      delivery.reopen()
      // A newer run of it may have come meanwhile: then this one was lost.
      if (!this.line.isOver && !this.#deliveries.has(id)) this.#deliveries.set(id, delivery)
      throw error
    }
  }

  #registration(): RegistrationOptions {
    const { host, pid, options } = this.#ground
    const { queues, ...inflow } = this.#inflow
    const held = [...this.#deliveries.values()].map(({ ref }) => ({ id: ref.id, lease: leaseOf(ref.run) }))
    const tasks = options.tasks as NonNullable<RegistrationOptions['work']>['tasks']
    return {
      protocol: protocolVersion,
      instance: this.#instance,
      queues,
      resume: [...held, ...this.#outcomes.held],
      features: ['broker'],
      work: { host, pid, tasks, inflow, ...(options.everyTask === true ? { everyTask: true } : {}) },
    }
  }

  #up({ lost }: RegistrationAnswer & { readonly ok: true }): void {
    this.#outcomes.drop(lost)
    for (const id of lost) this.#revoke(id, undefined, 'lost')
    this.#tellNotes(this.#kept.splice(0))
    this.#outcomes.up()
    if (this.#wasUp) this.#ground.listener.back?.()
    this.#wasUp = true
  }

  #down(): void {
    this.#outcomes.down()
    if (this.#closing === undefined) {
      const { url } = this.#ground
      const message = `the connection to ${url} broke; what runs goes on, and the worker comes back by itself`
      this.#ground.listener.error(new StoreError('STORE_UNAVAILABLE', message, { subject: url }))
    }
  }

  #over(error: LovageError): void {
    this.#outcomes.end(new StoreError('STORE_CLOSED', error.rawMessage, { cause: error }))
    for (const [id, { ref }] of [...this.#deliveries]) this.#revoke(id, ref.run, 'lost')
    if (this.#closing === undefined && this.#wasUp) this.#ground.listener.over?.(error)
    this.#ground.closed(this)
  }

  #received(event: string, args: readonly unknown[]): void {
    if (event === eventNames.tasks) this.#deliver(args)
    else if (event === eventNames.control) this.#ground.command(args)
    else if (event === eventNames.revoke) {
      const revoked = decodeRevoked(args)
      if (revoked.ok) for (const { id, run, reason } of revoked.frame) this.#revoke(id, run, reason)
      else this.#complain(event, revoked.reason)
    }
  }

  #deliver(args: readonly unknown[]): void {
    const decoded = decodeDelivered(args)
    if (!decoded.ok) this.#complain(eventNames.tasks, decoded.reason)
    const deliveries: SocketDelivery[] = []
    for (const [index, task] of (decoded.ok ? decoded.frame : []).entries()) {
      if (!task.ok) this.#refuse((args[0] as readonly unknown[])[index], task.reason)
      else if (this.#inflow.paused || this.#closing !== undefined) this.#giveBack(task.frame)
      else this.#admit(task.frame, deliveries)
    }
    if (deliveries.length > 0) this.#ground.listener.deliver(deliveries)
  }

  #admit(task: DeliveredTask, deliveries: SocketDelivery[]): void {
    const { id, run } = task
    const known = this.#deliveries.get(id)
    if (known?.ref.run === run || this.#outcomes.has(task)) return
    // An older run of the same task has lost it, though nobody has said so yet.
    if (known !== undefined) this.#revoke(id, known.ref.run, 'lost')
    try {
      const delivery = new SocketDelivery(this, task)
      this.#deliveries.set(id, delivery)
      deliveries.push(delivery)
    } catch (error) {
      this.#settleUnseen(task, { type: 'rejected', reason: 'malformed-payload', failure: failureFrom(error) })
    }
  }

  /** What cannot be read here cannot be run here: the task says so, rather than wait for a lease that is kept. */
  #refuse(task: unknown, reason: string): void {
    this.#complain(eventNames.tasks, reason)
    const refs = decodeBegun([[task]])
    const failure = { name: 'ProtocolError', code: 'PROTOCOL_INVALID', message: reason }
    for (const ref of refs.ok ? refs.frame : [])
      this.#settleUnseen(ref, { type: 'rejected', reason: 'malformed-payload', failure })
  }

  #giveBack(ref: RunRef): void {
    this.#settleUnseen(ref, { type: 'released' })
  }

  #settleUnseen({ id, run }: RunRef, outcome: Outcome): void {
    // The line is over: the server gives it to others.
    this.#outcomes.add({ id, run }, outcome, undefined).catch(() => {})
  }

  #revoke(id: string, run: number | undefined, reason: RevokeReason): void {
    const delivery = this.#deliveries.get(id)
    if (delivery === undefined || (run !== undefined && delivery.ref.run !== run)) return
    this.#deliveries.delete(id)
    this.#ground.listener.revoke(id, delivery.ref.run, reason)
  }

  async #begin(all: readonly Beginning[]): Promise<void> {
    try {
      const said = decodeMayBegin(await this.line.ask(eventNames.begin, [all.map(({ delivery }) => delivery.ref)]))
      for (const [index, { delivery, resolve, reject }] of all.entries()) {
        const may = said.ok ? said.frame[index] : undefined
        if (may === undefined) reject(new StoreError('STORE_UNAVAILABLE', 'the server could not be told that a run begins'))
        else {
          if (!may) this.#revoke(delivery.ref.id, delivery.ref.run, 'lost')
          resolve(may)
        }
      }
    } catch (error) {
      for (const { reject } of all) reject(error)
    }
  }

  #tellNotes(notes: readonly RunNote[]): void {
    if (this.line.isUp) {
      for (const batch of batches(notes, (note) => 3 * JSON.stringify(note).length)) this.line.say(eventNames.log, [batch])
    } else this.#kept.push(...notes.slice(0, mostNotes - this.#kept.length))
  }

  #change(change: Partial<InflowFrame>): void {
    this.#inflow = { ...this.#inflow, ...change }
    this.#tellInflow().catch((error: Error) => !this.line.isOver && this.#ground.listener.error(error))
  }

  /** Resolves when the server knows. While it is away that is the next registration. */
  async #tellInflow(): Promise<void> {
    if (!this.line.isUp) return this.line.isOver ? undefined : this.line.whenUp()
    let said: unknown
    try {
      said = await this.line.ask(eventNames.inflow, [this.#inflow])
    } catch {
      if (this.line.isOver) return
      return this.line.whenUp()
    }
    const answer = decodeInflowAnswer(said)
    if (!answer.ok) throw new ProtocolError('PROTOCOL_INVALID', answer.reason)
    if (!answer.frame.ok) throw new ConfigError('SCOPES_INSUFFICIENT', answer.frame.message)
  }

  #complain(event: string, reason: string): void {
    this.#ground.listener.error(new ProtocolError('PROTOCOL_INVALID', `${event}: ${reason}`))
  }

  async #close(): Promise<void> {
    if (!this.line.isOver) {
      this.#change({ paused: true })
      const rest = [...this.#deliveries.values()]
      for (const { ref } of rest) {
        this.#revoke(ref.id, ref.run, 'lost')
        this.#giveBack(ref)
      }
      await (this.line.isUp ? this.#outcomes.empty() : within(farewellMs, this.#outcomes.empty()))
      await within(farewellMs, this.line.isUp ? this.line.ask(eventNames.leave, [{}]) : Promise.resolve())
    }
    this.line.close(new StoreError('STORE_CLOSED', 'expected an open consumer, got one that was closed'))
  }
}

function capped(prefetch: number): number {
  return Math.min(prefetch, limits.prefetch)
}
