/** All checks of inputs at a gateway: by the schemas that workers register, and by those that task definitions publish. */
import type { Admin, Clock, Json, Logger, Task, WorkerInfo } from '@lovage/core'
import { limits } from '../wire/limits.ts'
import { accepted, type Decoded } from '../wire/reader.ts'
import type { Registration } from '../wire/registration.ts'
import type { TaskFrame } from '../wire/task.ts'
import { InputCheck } from './input-check.ts'
import { taskProperties } from './task-properties.ts'

/** What is published is read again after so long. */
const goodForMs = 5000
/** What is older than this refuses nothing without another look. */
const newForMs = 200
/** So many schemas are kept; workers of one kind share theirs. */
const mostKept = 200

export class InputChecks {
  readonly #admin: Pick<Admin, 'workers'>
  readonly #clock: Clock
  readonly #logger: Logger
  /** By their text, the longest unused first. */
  readonly #kept = new Map<string, Decoded<InputCheck>>()
  /** Of the registrations that are there. */
  readonly #registered = new WeakMap<Registration, Decoded<InputCheck | undefined>>()
  /** By the name of a task. */
  #published = new Map<string, InputCheck>()
  readonly #refusals = new WeakMap<Task, string>()
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor({ admin, clock, logger }: { admin: Pick<Admin, 'workers'>; clock: Clock; logger: Logger }) {
    this.#admin = admin
    this.#clock = clock
    this.#logger = logger
  }

  /**
   * Judges tasks by what their definitions publish, before they are handed out. A refusal is never by what was published a while ago: a
   * new release may take what the last one did not. Never rejects; where nothing can be read, what is known goes on to hold.
   * @param inputOf what is to be checked of a task; undefined: nothing can be
   */
  async judge(tasks: readonly Task[], inputOf: (task: Task) => Json | undefined): Promise<void> {
    if (this.#age >= goodForMs) await this.#read()
    let refused = this.#refused(tasks, inputOf)
    if (refused.length > 0 && this.#age >= newForMs) {
      await this.#read()
      refused = this.#refused(tasks, inputOf)
    }
    for (const [task, reason] of refused) this.#refusals.set(task, reason)
  }

  /** Why a task that was judged can be given to nobody; undefined when it can. */
  refusal(task: Task): string | undefined {
    return this.#refusals.get(task)
  }

  /** What a worker is given of a task that was judged, or why it is given nothing. */
  properties(task: Task, worker: Registration): Decoded<TaskFrame['properties']> {
    const properties = taskProperties(task)
    if (!properties.ok) return properties
    const registered = this.registered(worker)
    const check = registered.ok ? registered.frame : undefined
    const reason = this.refusal(task) ?? check?.problem(properties.frame, charactersOf(task))
    return reason === undefined ? properties : { ok: false, reason }
  }

  /** The check that a worker asks for with its registration, if it does; or why its schema cannot be used. */
  registered(worker: Registration): Decoded<InputCheck | undefined> {
    const known = this.#registered.get(worker)
    if (known !== undefined) return known
    const check = worker.input === undefined ? accepted(undefined) : this.#of(worker.input)
    this.#registered.set(worker, check)
    return check
  }

  get #age(): number {
    return this.#clock.now() - this.#readAt
  }

  #refused(tasks: readonly Task[], inputOf: (task: Task) => Json | undefined): readonly (readonly [Task, string])[] {
    return tasks.flatMap((task) => {
      const check = this.#published.get(task.name)
      const input = check === undefined ? undefined : inputOf(task)
      const reason = input === undefined ? undefined : check?.problem(input, charactersOf(task))
      return reason === undefined ? [] : [[task, `${reason}; so says the schema of ${task.name}`] as const]
    })
  }

  #read(): Promise<void> {
    this.#reading ??= this.#admin
      .workers()
      .then((workers) => {
        this.#published = this.#agreed(workers)
      })
      .catch((error: unknown) => {
        this.#logger.warn({ err: error }, 'the schemas that workers publish could not be read')
      })
      .finally(() => {
        this.#readAt = this.#clock.now()
        this.#reading = undefined
      })
    return this.#reading
  }

  /** Of a name for which workers publish different schemas (two releases at once) the run alone can tell. */
  #agreed(workers: readonly WorkerInfo[]): Map<string, InputCheck> {
    const schemas = new Map<string, unknown>()
    const texts = new Map<string, string | undefined>()
    for (const { name, schema } of workers.flatMap(({ tasks }) => tasks)) {
      const text = schema === undefined ? undefined : JSON.stringify(schema)
      const isSame = !texts.has(name) || texts.get(name) === text
      texts.set(name, isSame ? text : undefined)
      if (isSame && text !== undefined) schemas.set(name, schema)
      else schemas.delete(name)
    }
    return new Map(
      [...schemas].flatMap(([name, schema]) => {
        const check = this.#of(schema)
        return check.ok ? [[name, check.frame]] : []
      }),
    )
  }

  /** Made once for each schema. */
  #of(schema: unknown): Decoded<InputCheck> {
    const text = JSON.stringify(schema)
    const check = this.#kept.get(text) ?? InputCheck.of(schema, text, this.#logger)
    if (text.length > limits.schemaCharacters) return check
    this.#kept.delete(text)
    this.#kept.set(text, check)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostKept) break
      this.#kept.delete(oldest)
    }
    return check
  }
}

/** What is checked of a task without an input of its own is as long as its arguments. */
function charactersOf({ input, extras }: Task): number {
  return extras?.kwargs === undefined ? input.length : input.length + JSON.stringify(extras.kwargs).length
}
