/** Signatures: a task to be applied later, alone or as a chain, group or chord, as the plain JSON object that Celery sends. */
import { ProtocolError, shown } from '@lovage/core'

/** Execution options by Celery's names, see `request-of.ts`; those that nobody here knows are passed on. */
export type SignatureOptions = Readonly<Record<string, unknown>>

/**
 * A signature (celery.md 10). Never changed in place. Keys that nobody here knows are passed on.
 * @see https://docs.celeryq.dev/en/stable/userguide/canvas.html
 */
export interface Signature {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly options: SignatureOptions
  readonly subtask_type: string | null
  /** Takes no arguments from whoever applies it. */
  readonly immutable: boolean
  readonly [key: string]: unknown
}

export interface ChainSignature extends Signature {
  readonly kwargs: { readonly tasks: readonly Signature[]; readonly [key: string]: unknown }
}

export interface GroupSignature extends Signature {
  readonly kwargs: { readonly tasks: readonly Signature[]; readonly [key: string]: unknown }
}

export interface ChordSignature extends Signature {
  readonly kwargs: { readonly header: GroupSignature; readonly body: Signature; readonly [key: string]: unknown }
}

/** Deeper canvases are refused: whatever walks them calls itself once per level. */
const deepest = 200

/**
 * Reads a signature with all that is nested in it: missing keys get their defaults, the header of a chord becomes a group.
 * @throws {ProtocolError} PROTOCOL_INVALID
 */
export function parseSignature(value: unknown): Signature {
  return parse(value, 0)
}

/**
 * A list of signatures, or one that stands for a list of one; none for null.
 * @throws {ProtocolError} PROTOCOL_INVALID
 */
export function parseSignatures(value: unknown): readonly Signature[] {
  return listed(value).map(parseSignature)
}

export function isChain(signature: Signature): signature is ChainSignature {
  return signature.subtask_type === 'chain'
}

export function isGroup(signature: Signature): signature is GroupSignature {
  return signature.subtask_type === 'group'
}

export function isChord(signature: Signature): signature is ChordSignature {
  return signature.subtask_type === 'chord'
}

/** A signature of one task. */
export function plainSignature(task: string, parts: Partial<Omit<Signature, 'task'>> = {}): Signature {
  return { task, args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false, ...parts }
}

export function chainSignature(tasks: readonly Signature[], options: SignatureOptions = {}): ChainSignature {
  return { ...plainSignature('celery.chain', { options, subtask_type: 'chain' }), kwargs: { tasks } }
}

export function groupSignature(tasks: readonly Signature[], options: SignatureOptions = {}): GroupSignature {
  return { ...plainSignature('celery.group', { options, subtask_type: 'group' }), kwargs: { tasks } }
}

export function chordSignature(header: GroupSignature, body: Signature, options: SignatureOptions = {}): ChordSignature {
  return { ...plainSignature('celery.chord', { options, subtask_type: 'chord' }), kwargs: { kwargs: {}, header, body } }
}

/** The same with other steps or members. */
export function withTasks<Canvas extends ChainSignature | GroupSignature>(canvas: Canvas, tasks: readonly Signature[]): Canvas {
  return { ...canvas, kwargs: { ...canvas.kwargs, tasks } }
}

/** The same with options set; undefined and null take one away. */
export function withOptions<Kind extends Signature>(signature: Kind, changes: SignatureOptions): Kind {
  const entries = Object.entries({ ...signature.options, ...changes })
  return { ...signature, options: Object.fromEntries(entries.filter(([, value]) => isSaid(value))) }
}

/** An option that is a text. */
export function textOption(options: SignatureOptions, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** An option that is a list, or one value that stands for a list of one. */
export function listOption(options: SignatureOptions, name: string): readonly unknown[] {
  return listed(options[name])
}

/** Undefined and null say nothing. */
export function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listed(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

function parse(value: unknown, depth: number): Signature {
  if (depth > deepest) throw unlike('a canvas', `nested at most ${deepest} deep`, value)
  if (!isRecord(value)) throw unlike('a signature', 'an object', value)
  const task = value.task
  if (typeof task !== 'string' || task === '') throw unlike('`task` of a signature', 'the name of a task', task)
  const signature: Signature = {
    ...value,
    task,
    args: listIn(value, 'args', task),
    kwargs: recordIn(value, 'kwargs', task),
    options: recordIn(value, 'options', task),
    subtask_type: typeof value.subtask_type === 'string' ? value.subtask_type : null,
    immutable: value.immutable === true,
  }
  if (isChord(signature)) return parsedChord(signature, depth)
  if (!(isChain(signature) || isGroup(signature))) return signature
  return withTasks(signature, parsedTasks(signature.kwargs.tasks, task, depth))
}

function parsedTasks(tasks: unknown, name: string, depth: number): readonly Signature[] {
  if (!Array.isArray(tasks)) throw unlike(`\`tasks\` of a signature of ${name}`, 'a list', tasks)
  return tasks.map((one) => parse(one, depth + 1))
}

function parsedChord(chord: Signature, depth: number): ChordSignature {
  const body = parse(chord.kwargs.body, depth + 1)
  return { ...chord, kwargs: { ...chord.kwargs, header: parsedHeader(chord.kwargs.header, depth), body } }
}

function parsedHeader(header: unknown, depth: number): GroupSignature {
  if (Array.isArray(header)) return groupSignature(parsedTasks(header, 'celery.chord', depth))
  const signature = parse(header, depth + 1)
  if (isGroup(signature)) return signature
  // As Celery has it: the steps of a chain in the place of a header are its members.
  return groupSignature(isChain(signature) ? signature.kwargs.tasks : [signature])
}

function listIn(value: Readonly<Record<string, unknown>>, key: string, task: string): readonly unknown[] {
  const list = value[key] ?? []
  if (Array.isArray(list)) return list
  throw unlike(`\`${key}\` of a signature of ${task}`, 'a list', list)
}

function recordIn(value: Readonly<Record<string, unknown>>, key: string, task: string): Readonly<Record<string, unknown>> {
  const record = value[key] ?? {}
  if (isRecord(record)) return record
  throw unlike(`\`${key}\` of a signature of ${task}`, 'an object', record)
}

function unlike(thing: string, expected: string, value: unknown): ProtocolError {
  return new ProtocolError('PROTOCOL_INVALID', `expected ${thing} to be ${expected}, got: ${shown(value)}`)
}
