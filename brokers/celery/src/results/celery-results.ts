/** What a sender learns of its tasks: Celery's records in the words of Lovage. */
import { ConfigError, type Results, type ResultWait, type TaskResult } from '@lovage/core'
import type { ResultBackend } from '../result-backend.ts'
import { failureFromRecord, readException } from '../wire/python-exception.ts'
import type { ResultRecord } from '../wire/result-record.ts'

export class CeleryResults implements Results {
  readonly #backend: ResultBackend | undefined
  readonly #closing = new AbortController()

  constructor(backend: ResultBackend | undefined) {
    this.#backend = backend
  }

  async get(ids: readonly string[]): Promise<readonly TaskResult[]> {
    const records = await this.#backendOr().get(ids)
    return ids.map((id, index) => taskResult(id, records[index]))
  }

  async wait(id: string, { timeoutMs, signal }: ResultWait = {}): Promise<TaskResult> {
    const backend = this.#backendOr()
    const closing = this.#closing.signal
    const given = signal === undefined ? closing : AbortSignal.any([signal as AbortSignal, closing])
    return taskResult(id, await backend.wait(id, { timeoutMs, signal: given }))
  }

  /** Ends what waits, with this error; so ends whatever waits after it. */
  close(error: Error): void {
    this.#closing.abort(error)
  }

  #backendOr(): ResultBackend {
    if (this.#backend !== undefined) return this.#backend
    throw new ConfigError(
      'UNSUPPORTED',
      'expected a result backend, got none: name where results are, `rpc://` or `redis://host/1`, as `results` (on the command line --results)',
    )
  }
}

/** A record as Lovage says it; none is a task that nobody has heard of, or whose result has expired. */
export function taskResult(id: string, record: ResultRecord | undefined): TaskResult {
  if (record === undefined) return { id, state: 'unknown' }
  const { status, result, traceback, doneAtMs, extended } = record
  const facts = { id, name: extended?.name, resolvedAt: doneAtMs }
  switch (status) {
    case 'SUCCESS':
      return { ...facts, state: 'completed', result }
    case 'FAILURE':
      return { ...facts, state: 'failed', failure: failureFromRecord(result, traceback) }
    case 'REVOKED':
      return { ...facts, state: 'exception', reason: revokedReason(result), failure: failureFromRecord(result, traceback) }
    case 'STARTED':
      return { ...facts, state: 'running' }
    case 'RETRY':
      return { ...facts, state: 'scheduled', failure: failureFromRecord(result, traceback) }
    case 'PENDING':
    case 'RECEIVED':
      return { ...facts, state: 'pending' }
    default:
      // A state of the task's own says how far it is.
      return { ...facts, state: 'running', progress: result }
  }
}

function revokedReason(result: unknown): string {
  const [text] = readException(result)?.exc_message ?? []
  return text === 'expired' ? 'deadline-exceeded' : 'cancelled'
}
