/** Settles runs: outcomes that fall together are decided by core and written in one call, each caller awaiting its own. */
import { decide, isResolved, LovageError, type Task, type TaskChange, type TaskEvent } from '@lovage/core'
import { batchOf, type Engine } from './engine.ts'

/** The runs that a settler settles for. */
export interface SettlerHome {
  /** A batch has been handed to the store: the moment to claim more in the same transaction. */
  flushed(): void
  /** The outcome of this run is written, or was refused because the run is no longer the holder's. */
  settled(task: Task): void
  /** Nothing was written: the run is as it was. */
  failed(task: Task): void
}

interface Pending {
  readonly task: Task
  readonly event: TaskEvent
  resolve(counted: boolean): void
  reject(error: unknown): void
}

export class Settler {
  readonly #engine: Engine
  readonly #home: SettlerHome
  readonly #batch: number
  #pending: Pending[] = []
  #scheduled = false
  #flights = 0
  readonly #idle: (() => void)[] = []

  constructor(engine: Engine, home: SettlerHome) {
    this.#engine = engine
    this.#home = home
    this.#batch = batchOf(engine)
  }

  /** Resolves when it is written; false when the run was no longer the holder's. */
  settle(task: Task, event: TaskEvent): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ task, event, resolve, reject })
      if (this.#pending.length >= this.#batch) this.#flush()
      else if (!this.#scheduled) {
        this.#scheduled = true
        setImmediate(() => {
          this.#scheduled = false
          this.#flush()
        })
      }
    })
  }

  /** Resolves when everything handed in so far has been answered. */
  async drain(): Promise<void> {
    this.#flush()
    if (this.#flights > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const batch = this.#pending
    this.#pending = []
    this.#flights++
    void this.#write(batch).finally(() => {
      this.#flights--
      if (this.#flights === 0) for (const resolve of this.#idle.splice(0)) resolve()
    })
    this.#home.flushed()
  }

  async #write(batch: readonly Pending[]): Promise<void> {
    const { store, announcer, clock } = this.#engine
    try {
      const now = clock.now()
      const changes = batch.map(({ task, event }) => changeFor(task, event, now))
      const reply = await store.update(changes)
      announcer.ripple(reply)
      this.#announce(batch, changes, reply.applied)
      for (let i = 0; i < batch.length; i++) {
        const pending = batch[i] as Pending
        this.#home.settled(pending.task)
        pending.resolve(reply.applied[i] === true)
      }
    } catch (error) {
      // One that the store never writes, such as a text with NUL, takes along no others: they come from many workers.
      if (batch.length > 1 && LovageError.is(error) && !error.retryable) {
        await Promise.all(batch.map((pending) => this.#write([pending])))
        return
      }
      for (const pending of batch) {
        this.#home.failed(pending.task)
        pending.reject(error)
      }
    }
  }

  #announce(batch: readonly Pending[], changes: readonly TaskChange[], applied: readonly boolean[]): void {
    const { announcer } = this.#engine
    const awaited = announcer.awaited
    const resolved: string[] = []
    const pending: Task[] = []
    for (let i = 0; i < changes.length; i++) {
      const { patch, id } = changes[i] as TaskChange
      if (applied[i] !== true) continue
      announcer.changed((batch[i] as Pending).task, (changes[i] as TaskChange).patch)
      if (isResolved(patch.state)) {
        if (awaited) resolved.push(id)
      } else if (patch.state === 'pending') pending.push((batch[i] as Pending).task)
      else if (patch.state === 'scheduled' && patch.dueAt != null) announcer.dueIn((batch[i] as Pending).task.queue, patch.dueAt)
    }
    announcer.resolved(resolved)
    announcer.pending(pending)
  }
}

function changeFor(task: Task, event: TaskEvent, now: number): TaskChange {
  const decision = decide(task, event, now)
  // The task is a running one by construction, so core refuses nothing that a delivery can ask for.
  const patch = decision.ok ? decision.patch : { state: task.state }
  return { id: task.id, from: 'running', run: task.run, patch }
}
