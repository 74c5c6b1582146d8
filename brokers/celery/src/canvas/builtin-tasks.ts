/** The tasks that every worker of a cluster has, since canvases send them (celery.md 13): what each does, as a decision. */
import { ProtocolError, shown } from '@lovage/core'
import type { ResultTuple } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import { carriedArguments } from './carried.ts'
import { chunksGroup } from './chunks.ts'
import type { Applied, CanvasSender, Following } from './orders.ts'
import { chordSignature, groupSignature, isGroup, isRecord, parseSignature, parseSignatures } from './signature.ts'
import { apply } from './start.ts'
import { type ChordUnlock, parseUnlock } from './unlock.ts'

/** What a built-in task comes to. */
export type BuiltinRun =
  /** It is done, and this is its result. */
  | ({ readonly type: 'value'; readonly value: unknown } & Following)
  /** Another task's handler is called here once for each list of arguments; the list of its answers is the result. */
  | { readonly type: 'calls'; readonly task: string; readonly calls: readonly (readonly unknown[])[] }
  /** See `unlock.ts`. */
  | { readonly type: 'unlock'; readonly unlock: ChordUnlock }
  /** The result backend drops what has expired. */
  | { readonly type: 'cleanup' }

type Builtin = (request: TaskRequest, sender: CanvasSender) => BuiltinRun

const builtins: Readonly<Record<string, Builtin>> = {
  'celery.accumulate': (request) => {
    const { args, kwargs } = carriedArguments(request)
    const { index } = kwargs
    return { type: 'value', value: typeof index === 'number' ? (args.at(index) ?? null) : args, orders: [], children: [] }
  },
  'celery.backend_cleanup': () => ({ type: 'cleanup' }),
  'celery.chain': () => {
    throw new ProtocolError(
      'PROTOCOL_INVALID',
      'expected the steps of a chain, each as a task of its own, got: celery.chain as a task',
    )
  },
  'celery.chord': startChord,
  'celery.chord_unlock': (request) => ({ type: 'unlock', unlock: parseUnlock(request) }),
  'celery.chunks': (request, sender) => {
    const { task, it, n } = bound(carriedArguments(request), ['task', 'it', 'n'])
    const size = typeof n === 'number' && Number.isSafeInteger(n) && n > 0 ? n : undefined
    if (size === undefined) throw unlike(request, 'n', 'a positive whole number', n)
    return done(
      apply(chunksGroup(parseSignature(task), listArgument(request, 'it', it), size), {}, { ...sender, parent: request }),
    )
  },
  'celery.group': startGroup,
  'celery.map': (request) => calls(request, (item) => [item]),
  'celery.starmap': (request) => calls(request, (item) => listArgument(request, 'an item of it', item)),
}

/** Sorted. */
export const builtinNames: readonly string[] = Object.keys(builtins)

/**
 * Undefined for a task that is not built in.
 * @throws {ProtocolError} PROTOCOL_INVALID for arguments that are not the task's: the run has failed
 * @throws {ConfigError} UNSUPPORTED for a chord that nobody would count: the run has failed
 */
export function runBuiltin(request: TaskRequest, sender: CanvasSender): BuiltinRun | undefined {
  return Object.hasOwn(builtins, request.task) ? builtins[request.task]?.(request, sender) : undefined
}

function calls(request: TaskRequest, argsOf: (item: unknown) => readonly unknown[]): BuiltinRun {
  const { task, it } = bound(request, ['task', 'it'])
  return { type: 'calls', task: parseSignature(task).task, calls: listArgument(request, 'it', it).map(argsOf) }
}

/** Kept in Celery for those that sent it long ago. */
function startGroup(request: TaskRequest, sender: CanvasSender): BuiltinRun {
  const { tasks, result, group_id, partial_args } = bound(carriedArguments(request), [
    'tasks',
    'result',
    'group_id',
    'partial_args',
  ])
  const group = groupSignature(parseSignatures(tasks), typeof group_id === 'string' ? { task_id: group_id } : {})
  const applied = apply(
    group,
    { args: listArgument(request, 'partial_args', partial_args ?? []) },
    { ...sender, parent: request },
  )
  return { ...done(applied), value: result ?? applied.result }
}

/** As `celery.group`. */
function startChord(request: TaskRequest, sender: CanvasSender): BuiltinRun {
  const { header, body, partial_args, interval, max_retries } = bound(carriedArguments(request), [
    'header',
    'body',
    'partial_args',
    'interval',
  ])
  const members = isRecord(header) ? parseSignature(header) : groupSignature(parseSignatures(header))
  const group = isGroup(members) ? members : groupSignature([members])
  const chord = chordSignature(group, parseSignature(body), { interval, max_retries })
  return done(apply(chord, { args: listArgument(request, 'partial_args', partial_args ?? []) }, { ...sender, parent: request }))
}

/** A task that answers with what it sent has the ids of that as its result. */
function done({ orders, children, result }: Applied): Following & { readonly type: 'value'; readonly value: ResultTuple } {
  return { type: 'value', value: result, orders, children }
}

/** Arguments by name, however they were given. */
function bound(
  { args, kwargs }: Pick<TaskRequest, 'args' | 'kwargs'>,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  return { ...Object.fromEntries(args.map((value, index) => [names[index] ?? String(index), value])), ...kwargs }
}

function listArgument(request: TaskRequest, name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw unlike(request, name, 'a list', value)
}

function unlike({ task }: TaskRequest, name: string, expected: string, value: unknown): ProtocolError {
  return new ProtocolError('PROTOCOL_INVALID', `expected \`${name}\` of ${task} to be ${expected}, got: ${shown(value)}`)
}
