/** All checks of inputs at a gateway: by the schemas that workers register, and by those that task definitions publish. */
import type { Admin, Clock, Logger, Task, WorkerInfo } from '@lovage/core'
import { limits } from '../wire/limits.ts'
import { accepted, type Decoded } from '../wire/reader.ts'
import type { Registration } from '../wire/registration.ts'
import type { TaskFrame } from '../wire/task.ts'
import { InputCheck } from './input-check.ts'
import { taskProperties } from './task-properties.ts'

/** What is published is read again after so long. */
const goodForMs = 5000
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
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor({ admin, clock, logger }: { admin: Pick<Admin, 'workers'>; clock: Clock; logger: Logger }) {
    this.#admin = admin
    this.#clock = clock
    this.#logger = logger
  }

  /** What a worker is given of a task, or why that can be given to none. */
  properties(task: Task, worker: Registration): Decoded<TaskFrame['properties']> {
    const properties = taskProperties(task)
    if (!properties.ok) return properties
    const registered = this.registered(worker)
    const checks = [this.#published.get(task.name), registered.ok ? registered.frame : undefined]
    const characters = Math.max(task.input.length, 2)
    for (const check of new Set(checks)) {
      const reason = check?.problem(properties.frame, characters)
      if (reason !== undefined) return { ok: false, reason: `${reason}; task ${task.name} has a JSON Schema` }
    }
    return properties
  }

  /** The check that a worker asks for with its registration, if it does; or why its schema cannot be used. */
  registered(worker: Registration): Decoded<InputCheck | undefined> {
    const known = this.#registered.get(worker)
    if (known !== undefined) return known
    const check = worker.input === undefined ? accepted(undefined) : this.#of(worker.input)
    this.#registered.set(worker, check)
    return check
  }

  /** Resolves when what is published is known well enough; undefined when it is. Never rejects: what is known goes on to hold. */
  refresh(): Promise<void> | undefined {
    if (this.#clock.now() - this.#readAt < goodForMs) return undefined
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
