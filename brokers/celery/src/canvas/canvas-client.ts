/** Sends canvases, and waits for what they come to. */
import { type Results, type ResultWait, TaskError, type TaskResult } from '@lovage/core'
import type { ResultBackend } from '../result-backend.ts'
import type { ResultTuple } from '../wire/result-record.ts'
import type { Arguments, Canvas, CanvasOptions } from './canvas.ts'
import type { CanvasSender, Order } from './orders.ts'
import { leavesOf, lineOf, nestedValue } from './result-tree.ts'
import { applyCanvas } from './start.ts'

/** What a canvas client stands on. */
export interface CanvasClientParts {
  readonly sender: () => CanvasSender
  readonly carryOut: (orders: readonly Order[]) => Promise<void>
  readonly cancel: (ids: readonly string[]) => Promise<readonly boolean[]>
  readonly results: Pick<Results, 'wait' | 'get'>
  /** Undefined: nobody keeps results. */
  readonly backend: Pick<ResultBackend, 'expect' | 'forget'> | undefined
}

/** A canvas that was sent. */
export interface AppliedCanvas<Output = unknown> {
  /** Of its last task, of its body, or of its group. */
  readonly id: string
  /** The tasks whose results it comes to. */
  readonly ids: readonly string[]
  /** As Celery keeps it: the ids, with those of what came before. */
  readonly tuple: ResultTuple
  /**
   * Resolves with what it comes to.
   * @throws {TaskError} TASK_FAILED, TASK_EXCEPTION when something in it failed or was revoked; WAIT_TIMEOUT; and the reason of `signal`
   * @throws {ConfigError} UNSUPPORTED without a result backend
   */
  result(wait?: ResultWait): Promise<Output>
  /** Where the tasks stand whose results it comes to. */
  states(): Promise<readonly TaskResult[]>
  /** Asks that nothing of it runs that has an id yet, what came before included. Answers whether there was anything left to ask for. */
  cancel(): Promise<boolean>
  /** Drops what is stored of it, what came before included. */
  forget(): Promise<void>
  /** Types only; never present at run time. */
  readonly '~output'?: Output
}

export class CanvasClient {
  readonly #parts: CanvasClientParts

  constructor(parts: CanvasClientParts) {
    this.#parts = parts
  }

  /**
   * Resolves when every message is safe.
   * @throws {ConfigError} UNSUPPORTED for a chord where the result backend cannot count, or there is none
   * @throws {ProtocolError} PROTOCOL_INVALID for a chain without tasks
   * @throws {TaskError} INPUT_UNSERIALIZABLE
   */
  async apply<Output>(
    canvas: Canvas<Output>,
    given: Arguments & { readonly options?: CanvasOptions } = {},
  ): Promise<AppliedCanvas<Output>> {
    const { sender, carryOut, backend } = this.#parts
    const { signature } = given.options === undefined ? canvas : canvas.set(given.options)
    const { orders, result } = applyCanvas(signature, { args: given.args, kwargs: given.kwargs }, sender())
    await backend?.expect(lineOf(result))
    await carryOut(orders)
    return this.#applied<Output>(result)
  }

  #applied<Output>(tuple: ResultTuple): AppliedCanvas<Output> {
    const { results, cancel, backend } = this.#parts
    const ids = leavesOf([tuple])
    return {
      id: tuple[0][0],
      ids,
      tuple,
      result: async (wait) => {
        const values = await Promise.all(ids.map(async (id) => [id, finalValue(await results.wait(id, wait))] as const))
        return nestedValue(tuple, new Map(values)) as Output
      },
      states: () => results.get(ids),
      cancel: async () => (await cancel(lineOf(tuple))).includes(true),
      forget: async () => backend?.forget(lineOf(tuple)),
    }
  }
}

/** @throws {TaskError} TASK_FAILED, TASK_EXCEPTION */
function finalValue({ id, state, result, failure, reason }: TaskResult): unknown {
  if (state === 'completed') return result
  const why = failure === undefined ? '' : `: ${failure.name}: ${failure.message}`
  const about = { subject: id, ...(failure === undefined ? {} : { failure }) }
  if (state === 'failed') throw new TaskError('TASK_FAILED', `task ${id} failed${why}`, about)
  throw new TaskError('TASK_EXCEPTION', `task ${id} ended as ${reason ?? state}${why}`, about)
}
