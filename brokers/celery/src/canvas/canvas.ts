/** Building canvases: what `signature`, `chain`, `group` and `chord` of Python's Celery build, with types. */
import { type AnyTask, ConfigError, isTaskDefinition, shown, type TaskDefinition } from '@lovage/core'
import { mapSignature } from './chunks.ts'
import { linked, linkedOnError } from './links.ts'
import { type Given, merged } from './merge.ts'
import { piped } from './pipe.ts'
import {
  chordSignature,
  groupSignature,
  isChain,
  isChord,
  isGroup,
  isRecord,
  plainSignature,
  type Signature,
  type SignatureOptions,
  withOptions,
  withTasks,
} from './signature.ts'
import { stamped } from './stamps.ts'

/** How tasks of a canvas are sent, by Celery's names. */
export interface CanvasOptions {
  /** Default: a new one. Of a chain or chord that of its last task. */
  readonly task_id?: string | undefined
  readonly queue?: string | undefined
  readonly exchange?: string | undefined
  readonly routing_key?: string | undefined
  /** 0 to 9: larger is more urgent on RabbitMQ, less urgent on Redis. */
  readonly priority?: number | undefined
  /** Seconds. */
  readonly countdown?: number | undefined
  /** Not before this time; as a text ISO 8601, without a zone UTC. */
  readonly eta?: Date | string | undefined
  /** Pointless after this: seconds from sending, or a time as in `eta`. */
  readonly expires?: Date | string | number | undefined
  /** Seconds. */
  readonly time_limit?: number | undefined
  /** Seconds. */
  readonly soft_time_limit?: number | undefined
  readonly ignore_result?: boolean | undefined
  /** Shown instead of the task's name. */
  readonly shadow?: string | undefined
  readonly serializer?: string | undefined
  readonly compression?: string | undefined
  /** 1 does not survive a restart of the broker. Default 2. */
  readonly delivery_mode?: 1 | 2 | undefined
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}

/** Arguments as Python has them. In a chain the answer of the step before comes in front of `args`. */
export interface Arguments {
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
}

/** A task or several, to be applied later. Never changes: each method answers another. `Output` is what it comes to. */
export interface Canvas<Output = unknown> {
  readonly kind: 'lovage.canvas'
  /** What travels. */
  readonly signature: Signature
  /** The same with arguments in front of its own and kwargs over them. */
  clone(given: Arguments): Canvas<Output>
  /** Options; undefined takes one away. */
  set(options: CanvasOptions): Canvas<Output>
  /** Takes no arguments from what comes before it. */
  immutable(): Canvas<Output>
  /**
   * Applied with the answer when it succeeds.
   * @throws {ConfigError} OPTION_INVALID on a group, which has no answer before all are done: that is a chord
   */
  link(...callbacks: readonly Canvas[]): Canvas<Output>
  /** Applied with the id of the task when one fails. */
  linkError(...errbacks: readonly Canvas[]): Canvas<Output>
  /** Marks all tasks in it, callbacks included. */
  stamp(stamps: Readonly<Record<string, unknown>>): Canvas<Output>
  /** The signature: a canvas may be an argument of a task. */
  toJSON(): Signature
  /** Types only; never present at run time. */
  readonly '~output'?: Output
}

/** The task that is called for each item: a definition, a name, or a canvas of one task, whose arguments and options do not count. */
export type Callee<Output = unknown> = TaskDefinition<never, Output> | string | Canvas<Output>

/** What a canvas comes to. */
export type OutputOf<Some> = Some extends Canvas<infer Output> ? Output : never

type OutputsOf<Members extends readonly Canvas[]> = { -readonly [Index in keyof Members]: OutputOf<Members[Index]> }

/**
 * A task to be applied later. Its input may be a part of what the task takes, if the rest comes from the step before: an object is
 * passed by name, any other value in front; `{ args, kwargs }` says both apart.
 * @param task a definition, or the name of a task elsewhere
 * @throws {ConfigError} DEFINITION_INVALID
 */
export function signature<Sent, Output>(
  task: TaskDefinition<Sent, Output>,
  input?: Arguments | NoInfer<Sent> | Partial<NoInfer<Sent>>,
  options?: CanvasOptions,
): Canvas<Output>
export function signature<Output = unknown>(task: string, input?: unknown, options?: CanvasOptions): Canvas<Output>
export function signature(task: AnyTask | string, input?: unknown, options: CanvasOptions = {}): Canvas {
  return canvasOf(plainSignature(nameOf(task), { ...argumentsOf(input), options: optionsOf(options) }))
}

/** One after the other, each with the answer of the one before. What follows a group gets all of its answers in one list. */
export function chain<Last>(...steps: readonly [...Canvas[], Canvas<Last>]): Canvas<Last> {
  return canvasOf(piped(steps.map((step) => step.signature)))
}

/** All at once: comes to the list of their answers. Groups among the members are taken apart. */
export function group<const Members extends readonly Canvas[]>(...members: Members): Canvas<OutputsOf<Members>>
/** The same for a list of members. */
export function group<Output>(members: readonly Canvas<Output>[]): Canvas<Output[]>
export function group(...members: readonly (Canvas | readonly Canvas[])[]): Canvas {
  return canvasOf(groupSignature(members.flat().map(toSignature)))
}

/** All at once, and then the body with the list of their answers. */
export function chord<Output>(header: readonly Canvas[] | Canvas<readonly unknown[]>, body: Canvas<Output>): Canvas<Output> {
  const members = 'signature' in header ? header.signature : groupSignature(header.map((member) => member.signature))
  return canvasOf(chordSignature(isGroup(members) ? members : groupSignature([members]), body.signature))
}

/** One task that calls another for each item, one after the other, in the worker that has it. */
export function map<Output>(task: Callee<Output>, items: readonly unknown[]): Canvas<Output[]> {
  return canvasOf(mapSignature('celery.map', calleeOf(task), items))
}

/** As `map`, with a list of arguments each. */
export function starmap<Output>(task: Callee<Output>, items: readonly (readonly unknown[])[]): Canvas<Output[]> {
  return canvasOf(mapSignature('celery.starmap', calleeOf(task), items))
}

/**
 * A group of `starmap`s over so many of the items each.
 * @throws {ConfigError} OPTION_INVALID
 */
export function chunks<Output>(task: Callee<Output>, items: readonly (readonly unknown[])[], size: number): Canvas<Output[][]> {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new ConfigError('OPTION_INVALID', `expected \`size\` of chunks to be a positive whole number, got: ${shown(size)}`)
  }
  const kwargs = { task: calleeOf(task), it: items, n: size }
  return canvasOf(plainSignature('celery.chunks', { kwargs, immutable: true }))
}

/** A canvas of a signature from elsewhere, as `parseSignature` answers it. */
export function canvasOf<Output>(own: Signature): Canvas<Output> {
  return Object.freeze({
    kind: 'lovage.canvas',
    signature: own,
    clone: (given: Given) => canvasOf<Output>(merged(own, { args: given.args, kwargs: given.kwargs })),
    set: (options: CanvasOptions) => canvasOf<Output>(withOptions(own, optionsOf(options))),
    immutable: () => canvasOf<Output>(closed(own)),
    link: (...callbacks: readonly Canvas[]) => canvasOf<Output>(linked(linkable(own), callbacks.map(toSignature))),
    linkError: (...errbacks: readonly Canvas[]) => canvasOf<Output>(linkedOnError(own, errbacks.map(toSignature))),
    stamp: (stamps: Readonly<Record<string, unknown>>) => canvasOf<Output>(stamped(own, stamps)),
    toJSON: () => own,
  } as const)
}

function toSignature({ signature: own }: Canvas): Signature {
  return own
}

function linkable(own: Signature): Signature {
  if (!isGroup(own)) return own
  throw new ConfigError(
    'OPTION_INVALID',
    'expected `link` on a task, chain or chord; to go on when a group is done, make it a chord',
  )
}

/** Whoever would take the arguments takes none. */
function closed(own: Signature): Signature {
  if (isGroup(own)) return withTasks(own, own.kwargs.tasks.map(closed))
  if (isChain(own))
    return withTasks(
      own,
      own.kwargs.tasks.map((task, index) => (index === 0 ? closed(task) : task)),
    )
  if (isChord(own)) return { ...own, kwargs: { ...own.kwargs, header: closed(own.kwargs.header) } }
  return { ...own, immutable: true }
}

function optionsOf(options: CanvasOptions): SignatureOptions {
  const said = Object.entries(options).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value])
  return Object.fromEntries(said)
}

function argumentsOf(input: unknown): { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> } {
  if (input === undefined) return { args: [], kwargs: {} }
  if (!isRecord(input)) return { args: [input], kwargs: {} }
  const { args = [], kwargs = {}, ...others } = input
  const saysBoth = Object.keys(input).length > 0 && Object.keys(others).length === 0 && Array.isArray(args) && isRecord(kwargs)
  return saysBoth ? { args, kwargs } : { args: [], kwargs: input }
}

function calleeOf(task: Callee): Signature {
  if (typeof task === 'object' && task.kind === 'lovage.canvas') return task.signature
  return plainSignature(nameOf(task as TaskDefinition<never, unknown> | string))
}

function nameOf(task: AnyTask | TaskDefinition<never, unknown> | string): string {
  if (typeof task === 'string' && task !== '') return task
  if (isTaskDefinition(task)) return task.name
  throw new ConfigError('DEFINITION_INVALID', `expected a task definition or the name of a task, got: ${shown(task)}`)
}
