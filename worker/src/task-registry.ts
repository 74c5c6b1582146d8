/** The tasks that a worker can run: their definitions, what is published of them, and what is known and set per name. */
import {
  type AnyTask,
  ConfigError,
  isTaskDefinition,
  type OutcomeType,
  type PublishedTask,
  rateLimit,
  type Schema,
  shown,
  type WorkerDefaults,
} from '@lovage/core'
import { RateGate } from './rate-gate.ts'
import { type RuntimeSummary, Runtimes } from './runtimes.ts'

/** Definitions as a list, or as an object such as a module's exports, of which those that are definitions count. */
export type Tasks = readonly AnyTask[] | Readonly<Record<string, unknown>>

/** One definition in one worker. */
export class RegisteredTask {
  readonly definition: AnyTask
  /** What the worker emits when a run of it begins. */
  readonly event: `worker.task.${string}`
  /** Time limits in milliseconds; the command `time_limit` sets them. */
  hardMs: number | undefined
  softMs: number | undefined
  /** As written, for `registered`. */
  rate: number | string | undefined
  gate: RateGate | undefined
  started = 0
  readonly outcomes: Record<OutcomeType, number> = { completed: 0, failed: 0, retried: 0, released: 0, rejected: 0, cancelled: 0 }
  readonly runtimes = new Runtimes()

  /** @param defaults what its broker's world says of it */
  constructor(definition: AnyTask, defaults: WorkerDefaults = {}) {
    this.definition = definition
    this.event = `worker.task.${definition.name}`
    const said = defaults.limitsOf?.(definition.name) ?? {}
    this.hardMs = said.timeoutMs ?? definition.timeoutMs ?? defaults.timeoutMs
    this.softMs = said.softTimeoutMs ?? definition.softTimeoutMs ?? defaults.softTimeoutMs
    this.limitRate(said.rateLimit ?? definition.rateLimit ?? defaults.rateLimit)
  }

  /** Sets the rate limit; 0 or undefined takes it away. @throws {ConfigError} OPTION_INVALID */
  limitRate(value: number | string | undefined): void {
    const limit = rateLimit(value)
    this.rate = limit === undefined ? undefined : value
    this.gate = limit === undefined ? undefined : new RateGate(limit)
  }

  published(): PublishedTask {
    const { name, queue, priority, params, key, retry, lostLimit, input } = this.definition
    const schema = input === undefined ? undefined : jsonSchema(input)
    return { name, queue, priority, params, keyed: key !== undefined, retryLimit: retry.limit, lostLimit, schema }
  }

  summary(): TaskSummary {
    return { started: this.started, outcomes: { ...this.outcomes }, runtimeMs: this.runtimes.summary() }
  }
}

/** What a worker has done with one task name. */
export interface TaskSummary {
  readonly started: number
  readonly outcomes: Readonly<Record<OutcomeType, number>>
  readonly runtimeMs: RuntimeSummary
}

/**
 * Reads the option `tasks`, by name.
 * @throws {ConfigError} DEFINITION_DUPLICATE, DEFINITION_INVALID, OPTION_INVALID
 */
export function registerTasks(tasks: Tasks, defaults?: WorkerDefaults): ReadonlyMap<string, RegisteredTask> {
  const registry = new Map<string, RegisteredTask>()
  for (const definition of definitionsOf(tasks)) {
    const earlier = registry.get(definition.name)
    if (earlier?.definition === definition) continue
    if (earlier !== undefined) {
      const message = `expected every task to have its own name, got two definitions of: ${definition.name}`
      throw new ConfigError('DEFINITION_DUPLICATE', message, { subject: definition.name })
    }
    registry.set(definition.name, new RegisteredTask(definition, defaults))
  }
  return registry
}

function definitionsOf(tasks: Tasks): readonly AnyTask[] {
  if (!Array.isArray(tasks)) {
    if (typeof tasks === 'object' && tasks !== null) return Object.values(tasks).filter(isTaskDefinition)
    throw new ConfigError('DEFINITION_INVALID', `expected \`tasks\` to be a list of task definitions, got: ${shown(tasks)}`)
  }
  for (const task of tasks) {
    if (isTaskDefinition(task)) continue
    throw new ConfigError('DEFINITION_INVALID', `expected \`tasks\` to hold what defineTask gives, got: ${shown(task)}`)
  }
  return tasks
}

/** The part of Standard JSON Schema that is used. @see https://standardschema.dev/json-schema */
interface JsonSchemaSource {
  readonly jsonSchema?: { input?(options: { readonly target: string }): unknown }
}

function jsonSchema(schema: Schema<unknown, unknown>): unknown {
  try {
    return (schema['~standard'] as JsonSchemaSource).jsonSchema?.input?.({ target: 'draft-2020-12' })
  } catch {
    // Some schemas have no JSON Schema (transforms, custom checks); the run validates all the same.
    return undefined
  }
}
