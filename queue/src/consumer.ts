/** The inflow of one worker: claims what it has room for, sleeps until it is signalled or something is due. */
import {
  type Abandoned,
  type ClaimReply,
  type ConsumeOptions,
  type Consumer,
  type ConsumerListener,
  failureFrom,
  type Hint,
  type LogLine,
  type RunRef,
  type Task,
  type TaskEvent,
} from '@lovage/core'
import { abortChannel, readyChannel } from './channels.ts'
import { ClaimPump } from './claim-pump.ts'
import type { ConsumerTies } from './consumer-ties.ts'
import { type DeliveryHome, deliveredMessage, QueueDelivery } from './delivery.ts'
import { boundInputs } from './dependency-input.ts'
import { batchOf, type Engine } from './engine.ts'
import { giveBack } from './give-back.ts'
import { HintTaking } from './hint-taking.ts'
import { LeaseKeeper, runKey } from './lease-keeper.ts'
import { NoteTaker } from './note-taker.ts'
import { inputOf } from './payload.ts'
import { Settler } from './settler.ts'

/** The most tasks of one claim, in batches of the store. */
const claimBatches = 2
/** A run that could not be settled, here or elsewhere, comes again after so long (milliseconds). */
const abandonedMs = 10_000

export class QueueConsumer implements Consumer, DeliveryHome {
  readonly #engine: Engine
  readonly #options: ConsumeOptions
  readonly #listener: ConsumerListener
  readonly #ties: ConsumerTies
  /** What is claimed; undefined: tasks of any name. */
  #names: readonly string[] | undefined
  readonly #settler: Settler
  readonly notes: NoteTaker
  readonly #leases: LeaseKeeper
  readonly #queues = new Map<string, () => void>()
  #resting: ReadonlySet<string> = new Set()
  /** Delivered and not settled: what the prefetch counts. */
  readonly #inFlight = new Map<string, QueueDelivery>()
  /** Outcomes on their way to the store, by run. */
  readonly #settling = new Map<string, QueueDelivery>()
  readonly #ends: (() => void)[] = []
  #prefetch: number
  #paused = false
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  readonly #pump: ClaimPump
  readonly #hints: HintTaking | undefined
  #letGo: (() => void) | undefined
  /** Aborts of runs whose claim is still on its way here. */
  readonly #earlyAborts = new Map<string, Abandoned>()

  constructor(engine: Engine, ties: ConsumerTies, options: ConsumeOptions, listener: ConsumerListener) {
    this.#engine = engine
    this.#ties = ties
    this.#options = options
    this.#listener = listener
    this.#prefetch = options.prefetch
    this.#names = namesOf(options)
    this.#pump = new ClaimPump({
      clock: engine.clock,
      limit: claimBatches * batchOf(engine),
      room: () => (this.#isClosed() ? 0 : this.#prefetch - this.#inFlight.size),
      claim: (limit) => this.#claim(limit),
      claimed: (reply, isDry) => this.#claimed(reply, isDry),
      failed: (error) => this.#claimFailed(error as Error),
      idle: () => this.#earlyAborts.clear(),
    })
    this.#settler = new Settler(engine, {
      flushed: () => this.#pump.pump(),
      settled: (task) => this.#settling.delete(runKey(task)),
      failed: (task) => this.#putBack(task),
    })
    this.notes = new NoteTaker(engine)
    const { hints } = engine.signal
    const refuses = (hint: Hint): string | undefined => this.#refusal(hint)
    const claim = ({ queue, name }: Hint) =>
      this.#pump.claimed((task) => task.queue === queue && (name === undefined || task.name === name))
    this.#hints = hints && new HintTaking(hints, { refuses, claim })
    this.#leases = new LeaseKeeper(engine, {
      holder: ties.hold.id,
      held: () => [...this.#inFlight.values()].map(({ task }) => ({ id: task.id, run: task.run })),
      knows: (run) => this.#inFlight.get(run.id)?.task.run === run.run || this.#settling.has(runKey(run)),
      lost: (run) => this.#revoke({ ...run, reason: 'lost' }),
      orphaned: (run) => void this.#releaseOrphan(run).catch((error: Error) => listener.error(error)),
      error: (error) => listener.error(error),
    })
  }

  get holder(): string {
    return this.#ties.hold.id
  }

  get engine(): Engine {
    return this.#engine
  }

  /** Subscribes, announces the worker and begins to claim. */
  open(): Promise<void> {
    this.#opening = this.#open()
    return this.#opening
  }

  async #open(): Promise<void> {
    this.#letGo = this.#engine.keepAlive.hold()
    this.#ends.push(await this.#engine.signal.subscribe(abortChannel(this.holder), (message) => this.#aborted(message)))
    await Promise.all(this.#options.queues.map((queue) => this.#subscribe(queue)))
    await this.#register()
    this.#pump.pump()
  }

  /** Renews at once, for a process that slept over its leases. */
  renew(): Promise<void> {
    return this.#leases.renew()
  }

  now(): number {
    return this.#engine.clock.now()
  }

  pause(): void {
    this.#paused = true
    this.#hints?.hungry(false)
  }

  resume(): void {
    this.#paused = false
    this.#pump.pump()
  }

  setPrefetch(prefetch: number): void {
    const more = prefetch > this.#prefetch
    this.#prefetch = prefetch
    if (more) this.#pump.pump()
  }

  /** Of one that takes every name, none can be left out. */
  skip(names: readonly string[]): void {
    const skipped = new Set(names)
    this.#names = namesOf(this.#options)?.filter((name) => !skipped.has(name))
    this.#pump.pump()
  }

  rest(queues: readonly string[]): void {
    this.#resting = new Set(queues)
    this.#hints?.rest(this.#resting)
    this.#pump.pump()
  }

  async addQueue(queue: string): Promise<void> {
    if (this.#queues.has(queue)) return
    await this.#subscribe(queue)
    await this.#register()
    this.#pump.pump()
  }

  async cancelQueue(queue: string): Promise<void> {
    this.#queues.get(queue)?.()
    if (this.#queues.delete(queue)) await this.#register()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  settle(task: Task, event: TaskEvent): Promise<boolean> {
    if (this.#inFlight.get(task.id)?.task.run !== task.run) return Promise.resolve(false)
    if (this.notes.has(task.id)) return this.notes.flush().then(() => this.#settleNow(task, event))
    return this.#settleNow(task, event)
  }

  abandon(task: Task): void {
    if (this.#inFlight.get(task.id)?.task.run !== task.run) return
    this.#inFlight.delete(task.id)
    this.#settleUnseen(task, { type: 'released', delayMs: abandonedMs })
    this.#pump.pump()
  }

  async begin(task: Task): Promise<boolean> {
    if (this.#inFlight.get(task.id)?.task.run !== task.run) return false
    const counted = await this.#settler.settle(task, { type: 'begun' })
    if (!counted) this.#revoke({ id: task.id, run: task.run, reason: 'lost' })
    return counted
  }

  note(task: Task, note: { progress?: string; line?: LogLine }): void {
    if (this.#inFlight.get(task.id)?.task.run === task.run) this.notes.add(task, note)
  }

  #settleNow(task: Task, event: TaskEvent): Promise<boolean> {
    const delivery = this.#inFlight.get(task.id)
    if (delivery?.task.run !== task.run) return Promise.resolve(false)
    // Its place is free as soon as the outcome is on its way, so that the next claim rides in the same transaction.
    this.#inFlight.delete(task.id)
    this.#settling.set(runKey(task), delivery)
    return this.#settler.settle(task, event)
  }

  #putBack(task: Task): void {
    const delivery = this.#settling.get(runKey(task))
    this.#settling.delete(runKey(task))
    delivery?.reopen()
    // A newer run of it may have come meanwhile: then this one was lost.
    if (delivery !== undefined && !this.#inFlight.has(task.id)) this.#inFlight.set(task.id, delivery)
  }

  async #subscribe(queue: string): Promise<void> {
    const end = await (this.#hints?.take(queue, namesOf(this.#options)) ?? this.#listen(queue))
    if (this.#queues.has(queue)) end()
    else this.#queues.set(queue, end)
  }

  #listen(queue: string): Promise<() => void> {
    return this.#engine.signal.subscribe(readyChannel(queue), (message) => {
      if (message === '') this.#pump.pump()
      else this.#pump.sleep(Number(message))
    })
  }

  #refusal({ name, queue }: Hint): string | undefined {
    if (this.#resting.has(queue) || this.#paused || this.#closing !== undefined) return 'a pause'
    if (this.#inFlight.size >= this.#prefetch) return 'a full worker'
    return name === undefined || this.#names?.includes(name) !== false ? undefined : `${name} being held back`
  }

  #register(): Promise<void> {
    return this.#ties.registry.put(this.#ties.hold.id, { ...this.#options, queues: [...this.#queues.keys()] })
  }

  /** Nothing is to be claimed. */
  #isClosed(): boolean {
    return this.#paused || this.#closing !== undefined || this.#claimable().length === 0
  }

  #claimable(): readonly string[] {
    const queues = [...this.#queues.keys()]
    return this.#resting.size === 0 ? queues : queues.filter((queue) => !this.#resting.has(queue))
  }

  #claim(limit: number): Promise<ClaimReply> {
    const { store, clock, settings } = this.#engine
    const now = clock.now()
    return store.claim({
      queues: this.#claimable(),
      names: this.#names,
      holder: this.holder,
      worker: this.#options.worker,
      limit,
      now,
      until: now + settings.leaseMs,
    })
  }

  async #claimed({ tasks }: ClaimReply, isDry: boolean): Promise<void> {
    this.#engine.announcer.claimed(tasks)
    // It may have been paused since it asked.
    this.#hints?.hungry(isDry && !this.#isClosed())
    if (tasks.length > 0) await this.#deliver(tasks)
  }

  /** Hints are for others, whose way to the store may be open, until a claim goes through: the pump tries again. */
  #claimFailed(error: Error): void {
    this.#hints?.hungry(false)
    this.#listener.error(error)
  }

  async #deliver(tasks: readonly Task[]): Promise<void> {
    const deliveries: QueueDelivery[] = []
    const bound: Task[] = []
    for (const task of tasks) {
      if (task.extras?.bind !== undefined) bound.push(task)
      else this.#admit(task, deliveries)
    }
    this.#leases.start()
    this.#handOver(deliveries)
    if (bound.length > 0) await this.#deliverBound(bound)
  }

  async #deliverBound(tasks: readonly Task[]): Promise<void> {
    const deliveries: QueueDelivery[] = []
    try {
      const inputs = await boundInputs(this.#engine.store, tasks)
      for (const [index, task] of tasks.entries()) {
        this.#admit({ ...task, input: inputs[index] ?? 'null', extras: { ...task.extras, nullInput: true } }, deliveries)
      }
    } catch (error) {
      this.#listener.error(error as Error)
      for (const task of tasks) this.#settleUnseen(task, { type: 'released', delayMs: 1000 })
    }
    this.#handOver(deliveries)
  }

  /** Deliveries that arrive while the consumer closes are given back unseen. */
  #handOver(deliveries: readonly QueueDelivery[]): void {
    if (deliveries.length > 0 && this.#closing === undefined) this.#listener.deliver(deliveries)
  }

  #admit(task: Task, deliveries: QueueDelivery[]): void {
    const abort = this.#earlyAborts.get(task.id)
    if (abort !== undefined && (abort.run === undefined || abort.run === task.run)) return
    // An older run of the same task has lost it, though nobody has said so yet.
    this.#revoke({ id: task.id, reason: 'lost' })
    try {
      const delivery = new QueueDelivery(this, task, deliveredMessage(task, inputOf(task)))
      this.#inFlight.set(task.id, delivery)
      deliveries.push(delivery)
    } catch (error) {
      const failure = failureFrom(error)
      this.#settleUnseen(task, { type: 'rejected', startedAt: this.now(), reason: 'malformed-payload', failure })
    }
  }

  /** Settles a claimed task that no worker gets to see. */
  #settleUnseen(task: Task, event: TaskEvent): void {
    this.#settler.settle(task, event).catch((error: Error) => this.#listener.error(error))
  }

  /** The slow check that makes up for a lost signal. */
  check(): void {
    this.#pump.pump()
  }

  #aborted(message: string): void {
    for (const abort of JSON.parse(message) as Abandoned[]) {
      if (this.#pump.isClaiming && !this.#inFlight.has(abort.id)) this.#earlyAborts.set(abort.id, abort)
      this.#revoke(abort)
    }
  }

  #revoke({ id, run, reason }: Abandoned): void {
    const delivery = this.#inFlight.get(id)
    if (delivery === undefined || (run !== undefined && delivery.task.run !== run)) return
    // It is not running any more for whoever looks: it is completed.
    if (run !== undefined && reason === 'lost' && delivery.mayBeCommitted) return
    this.#inFlight.delete(id)
    this.#listener.revoke(id, delivery.task.run, reason)
    this.#pump.pump()
  }

  async #releaseOrphan(run: RunRef): Promise<void> {
    const [task] = await this.#engine.store.get([run.id])
    if (task?.state !== 'running' || task.run !== run.run || task.holder !== this.holder) return
    await this.#settler.settle(task, { type: 'released' }).catch((error: Error) => this.#listener.error(error))
  }

  async #close(): Promise<void> {
    this.#ties.closing()
    this.#hints?.hungry(false)
    // Who opened it hears of it.
    await this.#opening?.catch(() => {})
    this.#pump.close()
    try {
      await this.#pump.whenIdle()
      await this.notes.flush()
      await this.#settler.drain()
      await this.#giveBack()
    } finally {
      this.#leases.close()
      for (const end of [...this.#ends, ...this.#queues.values()]) end()
      await this.#leave().finally(() => this.#letGo?.())
    }
  }

  async #leave(): Promise<void> {
    const { registry, hold } = this.#ties
    await registry.remove(this.holder).finally(() => hold.release())
  }

  /** Releases what was delivered and not settled. */
  async #giveBack(): Promise<void> {
    // One that a transaction may have completed is locked until its end.
    const tasks = [...this.#inFlight.values()].flatMap(({ mayBeCommitted, task }) => (mayBeCommitted ? [] : [task]))
    for (const task of tasks) this.#revoke({ id: task.id, run: task.run, reason: 'lost' })
    await giveBack(this.#engine, tasks)
  }
}

function namesOf({ tasks, everyTask }: ConsumeOptions): readonly string[] | undefined {
  return everyTask === true ? undefined : tasks.map(({ name }) => name)
}
