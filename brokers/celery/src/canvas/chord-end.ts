/** What follows when the last member of a chord's header is done (celery.md 12.3, 15.3). */
import { LovageError } from '@lovage/core'
import type { ChordMember } from '../result-backend.ts'
import { exceptionRepr, readException } from '../wire/python-exception.ts'
import { pythonRepr } from '../wire/python-repr.ts'
import type { ResultTuple } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import { applyErrbacks, type Errbacks, type IsNewStyle } from './errbacks.ts'
import type { CanvasSender, Following } from './orders.ts'
import { leavesOf, nestedValue } from './result-tree.ts'
import { isChain, isChord, isGroup, listOption, parseSignature, type Signature, textOption } from './signature.ts'
import { apply } from './start.ts'
import { readable, type Unreached, unreachedOf } from './unreached.ts'

/** A chord whose header is done. */
export interface FullChord {
  readonly body: unknown
  /** In order. */
  readonly members: readonly ChordMember[]
  /** The results of the header, where members of it are groups: how the values are nested. */
  readonly nested?: ResultTuple | undefined
}

/** An exception as a record has it. */
export interface ChordError {
  readonly exc_type: 'ChordError'
  readonly exc_message: readonly [string]
  readonly exc_module: 'celery.exceptions'
}

export interface ChordFailure extends Errbacks {
  /** To be stored as FAILURE for the body and all that was to follow it. */
  readonly exception: ChordError
  /** The body first. */
  readonly unreached: readonly Unreached[]
}

export type ChordEnd = ({ readonly type: 'applied' } & Following) | ({ readonly type: 'failed' } & ChordFailure)

/**
 * The body, applied with the values of the members; or what tells everybody that there will be none, as one of them failed.
 * @param finisher the task that was the last: the body's parent
 */
export function endChord(chord: FullChord, finisher: TaskRequest, isNewStyle: IsNewStyle, sender: CanvasSender): ChordEnd {
  const failed = chord.members.find(({ state }) => state === 'FAILURE' || state === 'REVOKED')
  if (failed !== undefined) {
    const text = `Dependency ${failed.id} raised ${shownException(failed.result)}`
    return { type: 'failed', ...failChord(chord.body, text, isNewStyle, sender) }
  }
  try {
    const { orders, children } = apply(parseSignature(chord.body), { args: [valuesOf(chord)] }, { ...sender, parent: finisher })
    return { type: 'applied', orders, children }
  } catch (error) {
    // The body itself is at fault; anything else is ours.
    if (!LovageError.is(error)) throw error
    return { type: 'failed', ...failChord(chord.body, `Callback error: ${error.message}`, isNewStyle, sender) }
  }
}

/** The values, nested as the header was; flat where its results are not those of the members. */
export function valuesOf({ members, nested }: Pick<FullChord, 'members' | 'nested'>): readonly unknown[] {
  const flat = members.map(({ result }) => result)
  const header = nested?.[1]
  if (header === undefined || header === null) return flat
  const known = new Map(members.map(({ id, result }) => [id, result]))
  return leavesOf(header).every((id) => known.has(id)) ? header.map((one) => nestedValue(one, known)) : flat
}

/** @param text of the ChordError */
export function failChord(body: unknown, text: string, isNewStyle: IsNewStyle, sender: CanvasSender): ChordFailure {
  const exception: ChordError = { exc_type: 'ChordError', exc_message: [text], exc_module: 'celery.exceptions' }
  const [signature] = readable([body])
  const unreached = signature === undefined ? [] : unreachedOf(signature)
  const id = signature === undefined ? undefined : idOf(signature)
  if (signature === undefined || id === undefined) return { exception, unreached, local: [], orders: [], children: [] }
  const failed = { id, rootId: textOption(signature.options, 'root_id') }
  return { exception, unreached, ...applyErrbacks(readable(errbacksOf(signature)), failed, isNewStyle, sender) }
}

function shownException(value: unknown): string {
  const exception = readException(value)
  return exception === undefined ? pythonRepr(value) : exceptionRepr(exception)
}

/** The id of what a signature comes to in the end. */
function idOf(signature: Signature): string | undefined {
  if (isChord(signature)) return idOf(signature.kwargs.body)
  const last = isChain(signature) ? signature.kwargs.tasks.at(-1) : undefined
  return last === undefined ? textOption(signature.options, 'task_id') : idOf(last)
}

/** Those that would have heard of a failure of its first task. */
function errbacksOf(signature: Signature): readonly unknown[] {
  const own = listOption(signature.options, 'link_error')
  if (own.length > 0) return own
  if (isChord(signature)) return errbacksOf(signature.kwargs.body)
  if (isChain(signature)) return signature.kwargs.tasks.slice(0, 1).flatMap(errbacksOf)
  return isGroup(signature) ? signature.kwargs.tasks.flatMap(errbacksOf) : []
}
