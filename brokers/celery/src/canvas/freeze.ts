/** Freezing: giving a signature its ids before it is sent, so that others can refer to what will come of it (celery.md 10, 12). */
import { ConfigError } from '@lovage/core'
import type { ResultTuple } from '../wire/result-record.ts'
import { chainSteps, soleStep } from './chain-steps.ts'
import type { CanvasSender } from './orders.ts'
import { groupResult, taskResult, withParent } from './result-tree.ts'
import {
  type ChainSignature,
  type ChordSignature,
  chainSignature,
  type GroupSignature,
  isChain,
  isChord,
  isGroup,
  type Signature,
  type SignatureOptions,
  textOption,
  withOptions,
  withTasks,
} from './signature.ts'

/** What a signature is told of the canvas that it is a part of. Ids that it has already stay. */
export interface Place {
  readonly id?: string | undefined
  readonly groupId?: string | undefined
  readonly groupIndex?: number | undefined
  readonly rootId?: string | undefined
  readonly parentId?: string | undefined
  /** The body that the end of it reports to. */
  readonly chord?: Signature | undefined
}

export interface Frozen<Kind extends Signature = Signature> {
  readonly signature: Kind
  readonly result: ResultTuple
}

/** @throws {ConfigError} UNSUPPORTED for a chord that nobody would count */
export function freeze(signature: Signature, place: Place, sender: CanvasSender): Frozen {
  if (isChain(signature)) return freezeChain(signature, place, sender)
  if (isGroup(signature)) return freezeGroup(signature, place, sender)
  if (isChord(signature)) return freezeChord(signature, place, sender)
  const id = textOption(signature.options, 'task_id') ?? place.id ?? sender.newId()
  const reply = textOption(signature.options, 'reply_to') ?? sender.replyTo
  return {
    signature: withOptions(signature, { ...optionsOf(signature, place), task_id: id, reply_to: reply }),
    result: taskResult(id),
  }
}

/** The steps of a chain, frozen and in forward order; the end of it takes the chain's place. */
export function freezeSteps(
  tasks: readonly Signature[],
  place: Place,
  sender: CanvasSender,
): { readonly steps: readonly Signature[]; readonly result: ResultTuple | undefined } {
  const plan = chainSteps(tasks)
  let result: ResultTuple | undefined
  const steps = plan.map((step, index) => {
    const frozen = freeze(step, index === plan.length - 1 ? place : { rootId: place.rootId }, sender)
    result = withParent(frozen.result, result ?? null)
    return frozen.signature
  })
  return { steps, result }
}

function freezeChain(chain: ChainSignature, place: Place, sender: CanvasSender): Frozen {
  const id = place.id ?? textOption(chain.options, 'task_id')
  const { steps, result } = freezeSteps(chain.kwargs.tasks, { ...place, id }, sender)
  if (result === undefined) return { signature: chain, result: groupResult(id ?? sender.newId(), []) }
  const isTask = result[1] === null
  return { signature: withOptions(withTasks(chain, steps), isTask ? { task_id: result[0][0] } : {}), result }
}

/**
 * Nested groups become members of this one. It has an id of its own in whatever chord it is: Python stores its size under that id when
 * it starts it. Nor has it an index, which Python hands on to all members.
 */
export function freezeGroup(group: GroupSignature, place: Place, sender: CanvasSender): Frozen<GroupSignature> {
  const id = textOption(group.options, 'task_id') ?? place.id ?? sender.newId()
  const isCountedElsewhere = place.groupId !== undefined && place.groupId !== id
  const frozen = unrolledMembers(group.kwargs.tasks).map((member, index) => {
    // Python counts the body of a chord where the group is, unless the chord is in a chain.
    const one = isCountedElsewhere && isChord(member) ? chainSignature([member]) : member
    return freeze(one, { ...place, id: undefined, groupIndex: index }, sender)
  })
  const members = frozen.map(({ signature }) => signature)
  const signature = withOptions(withTasks(group, members), {
    ...optionsOf(group, { ...place, groupIndex: undefined }),
    task_id: id,
  })
  const results = frozen.map(({ result }) => result)
  return { signature, result: groupResult(id, results) }
}

/** The chord takes its place by its body; members of the header learn of the body. */
function freezeChord(chord: ChordSignature, place: Place, sender: CanvasSender): Frozen {
  refuseUncounted(sender)
  const { rootId, parentId } = place
  const body = freeze(soleStep(chord.kwargs.body), { ...place, parentId: undefined }, sender)
  const header = freezeGroup(chord.kwargs.header, { rootId, parentId, chord: body.signature }, sender)
  const kwargs = { ...chord.kwargs, header: header.signature, body: body.signature }
  // As in Celery the id of a chord is that of its header; the result is the body's.
  const signature = withOptions({ ...chord, kwargs }, { task_id: header.result[0][0] })
  return { signature, result: withParent(body.result, header.result) }
}

/** @throws {ConfigError} UNSUPPORTED */
export function refuseUncounted({ chords }: CanvasSender): void {
  if (chords !== 'refused') return
  const message = 'expected a result backend that can count the header of a chord, such as redis://, got: rpc://'
  throw new ConfigError('UNSUPPORTED', message)
}

/** Members with those of nested groups among them. As in Celery nested ones come in reverse: each is put in front of what is left. */
function unrolledMembers(tasks: readonly Signature[]): readonly Signature[] {
  const members: Signature[] = []
  const left = tasks.toReversed()
  for (let task = left.pop(); task !== undefined; task = left.pop()) {
    if (isGroup(task)) for (const one of task.kwargs.tasks) left.push(one)
    else if (!isEmptyChain(task)) members.push(task)
  }
  return members
}

/** A chain in which there is nothing to run. */
export function isEmptyChain(signature: Signature): boolean {
  return isChain(signature) && chainSteps(signature.kwargs.tasks).length === 0
}

/** A group that the signature has already stays, as others count on it, unless it comes with the chord that counts there. */
function optionsOf({ options }: Signature, { groupId, groupIndex, rootId, parentId, chord }: Place): SignatureOptions {
  const group = chord === undefined ? (textOption(options, 'group_id') ?? groupId) : groupId
  return {
    ...(rootId === undefined ? {} : { root_id: rootId }),
    ...(parentId === undefined ? {} : { parent_id: parentId }),
    ...(group === undefined ? {} : { group_id: group }),
    ...(chord === undefined ? {} : { chord }),
    ...(groupIndex === undefined ? {} : { group_index: groupIndex }),
  }
}
