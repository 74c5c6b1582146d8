/** What the workers of one connection have in hand: asked when they send, are inspected, or tell of a task. */
import type { ResultTuple } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'

/** A task between its arrival and its settlement. */
export interface HeldTask {
  readonly request: TaskRequest
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly acknowledged: boolean
  /** The results of the tasks that it sent. */
  readonly children: ResultTuple[]
}

/** By id. Of two deliveries of one task the later one counts. */
export class HeldTasks {
  readonly #byId = new Map<string, HeldTask>()

  get(id: string): HeldTask | undefined {
    return this.#byId.get(id)
  }

  /** Of those that match. */
  ids(matches: (request: TaskRequest) => boolean): readonly string[] {
    return [...this.#byId.values()].filter(({ request }) => matches(request)).map(({ request }) => request.id)
  }

  add(task: HeldTask): void {
    this.#byId.set(task.request.id, task)
  }

  remove(task: HeldTask): void {
    if (this.#byId.get(task.request.id) === task) this.#byId.delete(task.request.id)
  }
}
