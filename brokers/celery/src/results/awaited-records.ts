/** Results that came to this process, and who waits for which. */
import { type Clock, formatDuration, TaskError } from '@lovage/core'
import type { ResultWaiting } from '../result-backend.ts'
import type { ResultRecord } from '../wire/result-record.ts'

/** How many results are remembered that nobody waits for. The oldest go first. */
const mostKept = 10_000
const readyStates: ReadonlySet<string> = new Set(['SUCCESS', 'FAILURE', 'REVOKED'])

/** Whether a state ends a task's life. */
export function isReady(record: ResultRecord): boolean {
  return readyStates.has(record.status)
}

interface Waiter {
  resolve(record: ResultRecord): void
  reject(reason: unknown): void
  hear(record: ResultRecord): void
}

export class AwaitedRecords {
  readonly #clock: Clock
  /** An error stands for one that cannot be read. */
  readonly #records = new Map<string, ResultRecord | Error>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  #closed: Error | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(id: string): ResultRecord | undefined {
    const known = this.#records.get(id)
    return known instanceof Error ? undefined : known
  }

  /** A state after the last one changes nothing. */
  add(record: ResultRecord): void {
    const { taskId } = record
    if (!this.#keep(taskId, record)) return
    for (const waiter of this.#waiters.get(taskId) ?? []) {
      waiter.hear(record)
      if (isReady(record)) waiter.resolve(record)
    }
  }

  /** What came for a task cannot be read: whoever waits for it, now or later, hears that. */
  fail(id: string, error: Error): void {
    if (!this.#keep(id, error)) return
    for (const waiter of [...(this.#waiters.get(id) ?? [])]) waiter.reject(error)
  }

  forget(id: string): void {
    this.#records.delete(id)
  }

  /**
   * @throws {TaskError} WAIT_TIMEOUT, and the reason of `signal`
   * @throws {ProtocolError} PROTOCOL_INVALID for what cannot be read
   */
  async wait(id: string, { timeoutMs, signal, onRecord }: ResultWaiting = {}): Promise<ResultRecord> {
    signal?.throwIfAborted()
    if (this.#closed !== undefined) throw this.#closed
    const known = this.#records.get(id)
    if (known instanceof Error) throw known
    if (known !== undefined && isReady(known)) return known
    return new Promise<ResultRecord>((resolve, reject) => {
      const end = (): void => {
        this.#leave(id, waiter)
        cancel?.()
        signal?.removeEventListener('abort', abort)
      }
      const waiter: Waiter = {
        resolve: (record) => {
          end()
          resolve(record)
        },
        reject: (reason) => {
          end()
          reject(reason)
        },
        hear: (record) => onRecord?.(record),
      }
      const abort = (): void => waiter.reject(signal?.reason)
      signal?.addEventListener('abort', abort)
      const late = (): void => waiter.reject(waitTimeout(id, timeoutMs ?? 0))
      const cancel = timeoutMs === undefined ? undefined : this.#clock.at(this.#clock.now() + timeoutMs, late)
      this.#waiters.set(id, (this.#waiters.get(id) ?? new Set()).add(waiter))
    })
  }

  /** Ends what waits, with this error; so ends whatever waits after it. */
  close(error: Error): void {
    this.#closed = error
    for (const waiters of [...this.#waiters.values()]) for (const waiter of [...waiters]) waiter.reject(error)
  }

  /** False if the task is over already. */
  #keep(id: string, record: ResultRecord | Error): boolean {
    const before = this.get(id)
    if (before !== undefined && isReady(before)) return false
    this.#records.delete(id)
    this.#records.set(id, record)
    if (this.#records.size > mostKept) this.#dropOldest()
    return true
  }

  #leave(id: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(id)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#waiters.delete(id)
  }

  #dropOldest(): void {
    for (const id of this.#records.keys()) {
      this.#records.delete(id)
      return
    }
  }
}

function waitTimeout(id: string, timeoutMs: number): TaskError {
  const text = `expected task ${id} to be resolved within ${formatDuration(timeoutMs)}, got nothing so far`
  return new TaskError('WAIT_TIMEOUT', text, { subject: id })
}
