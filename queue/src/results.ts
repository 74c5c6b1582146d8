/** Results: where tasks stand, and waiting for them without asking again and again. */
import {
  type CancelTimer,
  formatDuration,
  isResolved,
  type Results,
  type ResultWait,
  type Task,
  TaskError,
  type TaskResult,
} from '@lovage/core'
import { resolvedChannel } from './channels.ts'
import type { Engine } from './engine.ts'
import { decodePayload } from './payload.ts'

const lingerMs = 5000

interface Waiter {
  resolve(result: TaskResult): void
  reject(error: unknown): void
}

export class QueueResults implements Results {
  readonly #engine: Engine
  readonly #waiters = new Map<string, Set<Waiter>>()
  #subscription: Promise<() => void> | undefined
  #cancelLinger: CancelTimer | undefined
  #letGo: (() => void) | undefined
  #checking = false
  #changed = new Set<string>()
  #closed: Error | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async get(ids: readonly string[]): Promise<readonly TaskResult[]> {
    const tasks = await this.#engine.store.get(ids)
    return tasks.map((task, index) => (task === undefined ? { id: ids[index] ?? '', state: 'unknown' } : taskResult(task)))
  }

  async wait(id: string, { timeoutMs, signal }: ResultWait = {}): Promise<TaskResult> {
    const { clock } = this.#engine
    signal?.throwIfAborted()
    if (this.#closed !== undefined) throw this.#closed
    return new Promise<TaskResult>((resolve, reject) => {
      const end = (): void => {
        this.#forget(id, waiter)
        cancel?.()
        signal?.removeEventListener('abort', abort)
      }
      const waiter: Waiter = {
        resolve: (result) => {
          end()
          resolve(result)
        },
        reject: (error) => {
          end()
          reject(error)
        },
      }
      const abort = (): void => waiter.reject(signal?.reason)
      signal?.addEventListener('abort', abort)
      const cancel =
        timeoutMs === undefined ? undefined : clock.at(clock.now() + timeoutMs, () => waiter.reject(waitTimeout(id, timeoutMs)))
      const waiters = this.#waiters.get(id) ?? new Set()
      this.#waiters.set(id, waiters.add(waiter))
      this.#letGo ??= this.#engine.keepAlive.hold()
      this.#listen().then(() => this.#check([id]), waiter.reject)
    })
  }

  /** The slow check that makes up for a lost signal. */
  check(): void {
    if (this.#waiters.size > 0) this.#check([...this.#waiters.keys()])
  }

  /** Ends what still waits, with this error; so ends whatever waits after it. */
  async close(error: Error): Promise<void> {
    this.#closed = error
    for (const waiters of [...this.#waiters.values()]) for (const waiter of [...waiters]) waiter.reject(error)
    this.#cancelLinger?.()
    await this.#unlisten()
  }

  async #listen(): Promise<void> {
    this.#subscription ??= this.#subscribe()
    await this.#subscription
  }

  async #subscribe(): Promise<() => void> {
    try {
      return await this.#engine.signal.subscribe(resolvedChannel, (message) => {
        if (this.#waiters.size === 0) return
        const ids = (JSON.parse(message) as string[]).filter((id) => this.#waiters.has(id))
        if (ids.length > 0) this.#check(ids)
      })
    } catch (error) {
      // The next one who waits tries again.
      this.#subscription = undefined
      throw error
    }
  }

  async #unlisten(): Promise<void> {
    const subscription = this.#subscription
    this.#subscription = undefined
    // Those who waited have heard why there is no subscription to end.
    if (subscription !== undefined) await subscription.then((end) => end()).catch(() => {})
  }

  #forget(id: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(id)
    if (waiters?.delete(waiter) && waiters.size === 0) this.#waiters.delete(id)
    if (this.#waiters.size > 0) return
    this.#letGo?.()
    this.#letGo = undefined
    this.#linger()
  }

  /** Goes on listening for a while: whoever waits for one result often waits for the next. */
  #linger(): void {
    const { clock } = this.#engine
    this.#cancelLinger?.()
    this.#cancelLinger = clock.at(clock.now() + lingerMs, () => {
      if (this.#waiters.size === 0) void this.#unlisten()
    })
  }

  /** Looks these tasks up, all that are asked for in one tick together. */
  #check(ids: readonly string[]): void {
    for (const id of ids) this.#changed.add(id)
    if (this.#checking) return
    this.#checking = true
    queueMicrotask(() => void this.#lookUp())
  }

  async #lookUp(): Promise<void> {
    while (this.#changed.size > 0) {
      const ids = [...this.#changed].slice(0, 1000)
      for (const id of ids) this.#changed.delete(id)
      try {
        const tasks = await this.#engine.store.get(ids)
        for (const [index, task] of tasks.entries()) this.#answer(ids[index] ?? '', task)
      } catch (error) {
        for (const id of ids) for (const waiter of [...(this.#waiters.get(id) ?? [])]) waiter.reject(error)
      }
    }
    this.#checking = false
  }

  #answer(id: string, task: Task | undefined): void {
    for (const waiter of [...(this.#waiters.get(id) ?? [])]) {
      if (task === undefined) {
        waiter.reject(
          new TaskError('TASK_UNKNOWN', `expected the id of a task, got: ${id}, which is not known or no longer kept`, {
            subject: id,
          }),
        )
      } else if (isResolved(task.state)) waiter.resolve(taskResult(task))
    }
  }
}

function waitTimeout(id: string, timeoutMs: number): TaskError {
  return new TaskError(
    'WAIT_TIMEOUT',
    `expected task ${id} to be resolved within ${formatDuration(timeoutMs)}, got: no answer yet; it goes on`,
    {
      subject: id,
    },
  )
}

/** A task as its sender sees it. */
export function taskResult(task: Task): TaskResult {
  return {
    id: task.id,
    state: task.state,
    name: task.name,
    reason: task.reason,
    result: decodePayload(task.result),
    failure: task.failure,
    progress: decodePayload(task.progress),
    resolvedAt: task.resolvedAt,
  }
}
