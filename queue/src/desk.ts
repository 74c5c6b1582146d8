/** The desk of the queue: work taken, kept and given back for workers that hold no connection of their own. */
import {
  type Abandoned,
  type Desk,
  type DeskClaim,
  type DeskNote,
  type DeskRenewal,
  type DeskSend,
  type DeskWatch,
  type DeskWorker,
  type Hold,
  isResolved,
  type Records,
  type RunRef,
  StoreError,
  type Task,
  TaskError,
  type TaskEvent,
  type TaskMessage,
} from '@lovage/core'
import { applyToTasks, changeTasks } from './canceller.ts'
import { abortChannel } from './channels.ts'
import { claimFor } from './desk-claim.ts'
import { DeskLine } from './desk-line.ts'
import { DeskRenewals } from './desk-renewals.ts'
import type { Engine } from './engine.ts'
import { loseRuns } from './lose-runs.ts'
import { NoteTaker } from './note-taker.ts'
import { encodePayload } from './payload.ts'
import type { Sender } from './sender.ts'
import { Settler } from './settler.ts'
import type { WorkerRegistry } from './worker-registry.ts'

/** How long a line stays subscribed that nobody stands in: workers come back when they are done. */
const lingerMs = 60_000

export class QueueDesk implements Desk {
  readonly records: Records
  readonly #engine: Engine
  readonly #sender: Sender
  readonly #registry: WorkerRegistry
  readonly #settler: Settler
  readonly #notes: NoteTaker
  readonly #renewals: DeskRenewals
  /** Sees to it that leases are watched. */
  readonly #maintain: () => Promise<void>
  /** By what is asked for. */
  readonly #lines = new Map<string, Promise<DeskLine>>()
  /** The switch of this process, as long as it speaks for workers elsewhere. */
  #hold: Promise<Hold> | undefined
  #isClosed = false

  constructor(engine: Engine, sender: Sender, registry: WorkerRegistry, maintain: () => Promise<void>) {
    this.#engine = engine
    this.#sender = sender
    this.#registry = registry
    this.#maintain = maintain
    this.records = engine.store.records
    this.#notes = new NoteTaker(engine)
    this.#renewals = new DeskRenewals(engine)
    this.#settler = new Settler(engine, { flushed: () => {}, settled: () => {}, failed: () => {} })
  }

  now(): number {
    return this.#engine.clock.now()
  }

  async send(message: TaskMessage): Promise<DeskSend> {
    const { task, result } = await this.#sender.insert(message)
    const isNew = result.status === 'inserted'
    // Of a task that nothing holds back all is known; the others are looked up.
    if (isNew && (result.state === 'pending' || result.state === 'scheduled')) {
      const { keyPolicy, ...fields } = task
      return { task: { ...fields, state: result.state, run: -1, retries: 0, lost: 0, blockers: 0, runs: [] }, isNew }
    }
    const [stored] = await this.#engine.store.get([result.id])
    if (stored !== undefined) return { task: stored, isNew }
    throw new TaskError('TASK_UNKNOWN', `expected task ${result.id} to be there as it was just sent, got: removed since`)
  }

  async claim(claim: DeskClaim): Promise<readonly Task[]> {
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', 'expected an open broker, got one that was closed; connect again')
    await this.#maintain()
    if (claim.ids !== undefined || claim.waitMs <= 0) return (await claimFor(this.#engine, claim)).tasks
    const line = await this.#line(claim)
    if (claim.signal?.aborted === true || this.#isClosed) return []
    return line.wait(claim)
  }

  renew(renewal: DeskRenewal): Promise<{ readonly until: number; readonly held: readonly RunRef[] }> {
    return this.#renewals.renew(renewal)
  }

  settle(task: Task, event: TaskEvent): Promise<boolean> {
    // Notes of ended runs are dropped.
    if (this.#notes.has(task.id)) return this.#notes.flush().then(() => this.#settler.settle(task, event))
    return this.#settler.settle(task, event)
  }

  note(task: Task, { progress, line }: DeskNote): void {
    const { clock, settings } = this.#engine
    if (line !== undefined) this.#notes.add(task, { line: { ...line, run: task.run, at: clock.now() } })
    if (progress === undefined) return
    try {
      this.#notes.add(task, { progress: encodePayload(progress, settings.maxPayload, () => `progress of ${task.name}`) })
    } catch (error) {
      this.note(task, { line: { level: 'warn', text: (error as Error).message } })
    }
  }

  async watch(worker: DeskWorker, listener: (abandoned: Abandoned) => void): Promise<DeskWatch> {
    const { signal, liveness, newId } = this.#engine
    const { holder } = worker
    this.#hold ??= liveness?.hold('desk') ?? Promise.resolve({ id: newId(), release: async () => {} })
    const { id: keeper } = await this.#hold.catch((error: unknown) => {
      this.#hold = undefined
      throw error
    })
    const stopHearing = await signal.subscribe(abortChannel(holder), (message) => {
      for (const abandoned of JSON.parse(message) as readonly Abandoned[]) listener(abandoned)
    })
    this.#registry.announce(worker, keeper)
    return {
      announce: (changed) => this.#registry.announce(changed, keeper),
      isLatest: async () => {
        const latest = await this.#registry.keeperOf(holder)
        return latest === undefined || latest === keeper
      },
      end: () => {
        stopHearing()
        return this.#registry.withdraw(holder, keeper)
      },
    }
  }

  lose(holder: string, startedBefore: number): Promise<readonly RunRef[]> {
    return loseRuns(this.#engine, holder, startedBefore)
  }

  schedule(ids: readonly string[]): Promise<readonly boolean[]> {
    return applyToTasks(this.#engine, ids, { type: 'rerun' }, ['blocked', 'scheduled'])
  }

  rerun(ids: readonly string[], mostRuns: number): Promise<readonly boolean[]> {
    return applyToTasks(this.#engine, ids, { type: 'rerun', mostRuns })
  }

  prioritize(ids: readonly string[], priority: number): Promise<readonly boolean[]> {
    return changeTasks(this.#engine, ids, (task) => (isResolved(task.state) ? undefined : { state: task.state, priority }))
  }

  /** The slow check that makes up for lost signals; lines that nobody stands in are given up. */
  check(): void {
    for (const [key, opening] of this.#lines) {
      void opening
        .then((line) => {
          if (!line.isIdle(lingerMs)) return line.pump()
          this.#lines.delete(key)
          return line.close()
        })
        .catch(() => {})
    }
  }

  /** Answers whoever waits with nothing, and waits for what is being written. */
  async close(): Promise<void> {
    this.#isClosed = true
    const lines = await Promise.allSettled(this.#lines.values())
    await Promise.all(lines.map((line) => (line.status === 'fulfilled' ? line.value.close() : undefined)))
    this.#lines.clear()
    await this.#notes.flush()
    await this.#settler.drain()
    await (await this.#hold?.catch(() => undefined))?.release()
  }

  #line({ queues, names }: DeskClaim): Promise<DeskLine> {
    const key = JSON.stringify([queues, names])
    const known = this.#lines.get(key)
    if (known !== undefined) return known
    const line = new DeskLine(this.#engine, queues)
    const opening = line.open().then(() => line)
    this.#lines.set(key, opening)
    opening.catch(() => {
      this.#lines.delete(key)
      void line.close()
    })
    return opening
  }
}
