/** Applying signatures: what is to be sent for one, whatever is nested in it (celery.md 10, 12). */
import { ProtocolError } from '@lovage/core'
import type { ResultTuple } from '../wire/result-record.ts'
import { soleStep } from './chain-steps.ts'
import { chordSize } from './chord-size.ts'
import { unfolded } from './chunks.ts'
import { type Frozen, freeze, freezeGroup, freezeSteps, isEmptyChain, refuseUncounted } from './freeze.ts'
import { linked, linkedOnError, linkedSteps } from './links.ts'
import { type Given, merged, mergedArgs, mergedOptions } from './merge.ts'
import type { Applied, CanvasSender, Order, TaskOrder } from './orders.ts'
import { taskOrder } from './request-of.ts'
import { groupResult, isNested, taskResult, withParent } from './result-tree.ts'
import {
  type ChainSignature,
  type ChordSignature,
  chordSignature,
  type GroupSignature,
  isChain,
  isChord,
  isGroup,
  isSaid,
  listOption,
  parseSignature,
  plainSignature,
  type Signature,
  type SignatureOptions,
  textOption,
  withOptions,
} from './signature.ts'

/**
 * Answers what is to be sent for a signature, in order.
 * @throws {ConfigError} UNSUPPORTED for a chord that nobody would count
 * @throws {ProtocolError} PROTOCOL_INVALID for a chain without tasks, or when what follows it is no list of signatures
 */
export function apply(signature: Signature, given: Given, sender: CanvasSender): Applied {
  if (isChain(signature)) return applyChain(signature, given, sender)
  if (isGroup(signature)) return applyGroup(signature, given, sender)
  if (isChord(signature)) return applyChord(signature, given, sender)
  const task = merged(signature, given)
  const id = textOption(task.options, 'task_id') ?? sender.newId()
  const result = taskResult(id)
  return { orders: [taskOrder(task, id, sender)], result, children: [result] }
}

/** As `apply`, for a client: chunks are sent as the group that they are. */
export function applyCanvas(signature: Signature, given: Given, sender: CanvasSender): Applied {
  return apply(unfolded(signature), given, sender)
}

function applyChain(chain: ChainSignature, given: Given, sender: CanvasSender): Applied {
  const options = mergedOptions(chain.options, given.options)
  const {
    task_id: _,
    group_id: _group,
    group_index,
    chord,
    link: _link,
    link_error: _errors,
    root_id: _root,
    ...passed
  } = options
  const place = {
    id: textOption(options, 'task_id'),
    groupId: textOption(options, 'group_id'),
    groupIndex: typeof group_index === 'number' ? group_index : undefined,
    rootId: textOption(options, 'root_id'),
    chord: isSaid(chord) ? parseSignature(chord) : undefined,
  }
  const { steps, result } = freezeSteps(linkedSteps(chain, options), place, sender)
  const [first, ...rest] = steps
  if (first === undefined || result === undefined) {
    throw new ProtocolError('PROTOCOL_INVALID', 'expected a chain to have at least one task in it, got none')
  }
  const remainder = [...listOption(passed, 'chain'), ...rest.toReversed()]
  const applied = apply(first, { ...given, args: mergedArgs(chain, given), options: { ...passed, chain: remainder } }, sender)
  return rest.length === 0 ? applied : { ...applied, result }
}

function applyGroup(group: GroupSignature, given: Given, sender: CanvasSender): Applied {
  const options = mergedOptions(group.options, given.options)
  const remainder = listOption(options, 'chain')
  if (remainder.length > 0) return applyJoined(group, remainder, given, sender)
  const id = textOption(options, 'task_id') ?? sender.newId()
  const members = applyMembers(group, id, { ...given, options }, sender)
  const results = members.map((member) => member.result)
  const [only] = results
  // As in Celery a group of one whose result is a group has that result.
  const result = results.length === 1 && only !== undefined && only[1] !== null ? only : groupResult(id, results)
  return { orders: members.flatMap(({ orders }) => orders), result, children: [result] }
}

/** What follows a group waits for all of it. */
function applyJoined(group: GroupSignature, remainder: readonly unknown[], given: Given, sender: CanvasSender): Applied {
  const { chain: _, chord, group_id, group_index, ...own } = group.options
  const body = parseSignature(remainder.at(-1))
  const joined = chordSignature({ ...group, options: own }, body, { chord, group_id, group_index })
  return apply(joined, { ...given, options: { ...given.options, chain: remainder.slice(0, -1) } }, sender)
}

/** One answer per member, in order. The options are those of the group. */
function applyMembers(group: GroupSignature, id: string, given: Given, sender: CanvasSender): readonly Applied[] {
  const { task_id: _, group_index: _index, link: _link, link_error: _errors, ...passed } = given.options ?? {}
  const options = { ...passed, group_id: textOption(passed, 'group_id') ?? id }
  const callbacks = listOption(given.options ?? {}, 'link')
  const errbacks = listOption(given.options ?? {}, 'link_error')
  return flatMembers(group).map((member, groupIndex) => {
    const place = { groupId: id, groupIndex, rootId: textOption(passed, 'root_id') }
    const { signature, result } = freeze(linkedOnError(linked(member, callbacks), errbacks), place, sender)
    return { ...apply(signature, { ...given, options }, sender), result }
  })
}

/** Members with those of nested groups among them, in order. */
function flatMembers({ kwargs: { tasks } }: GroupSignature): readonly Signature[] {
  return tasks.flatMap((task) => (isGroup(task) ? flatMembers(task) : isEmptyChain(task) ? [] : [task]))
}

function applyChord(chord: ChordSignature, given: Given, sender: CanvasSender): Applied {
  refuseUncounted(sender)
  const options = mergedOptions(chord.options, given.options)
  const { body, header, groupId } = frozenChord(chord, options, given, sender)
  const result = withParent(body.result, header.result)
  const size = chordSize(header.signature)
  const forMembers = { ...given, args: mergedArgs(chord, given), options: headerOptions(options, body.signature) }
  const members = applyMembers(header.signature, groupId, forMembers, sender).map(({ orders }) => orders)
  const [others, last] = [members.slice(0, -1).flat(), members.at(-1) ?? []]
  if (size === 0) {
    // Nobody will report: what there is runs beside the body.
    const { orders, children } = apply(body.signature, { args: [[]] }, sender)
    return { orders: [...others, ...last, ...orders], result, children }
  }
  if (sender.chords === 'counted') {
    const nested = isNested(header.result) ? header.result : undefined
    const begin: Order = { type: 'begin-chord', group: groupId, size, nested }
    return { orders: [...others, begin, ...last], result, children: [header.result] }
  }
  const unlock = unlockOrder(header.result, body.signature, options, sender)
  return { orders: [unlock, ...others, ...last], result, children: [taskResult(unlock.request.id), header.result] }
}

/** The body with what the chord was given for it, and a header that knows the body. */
function frozenChord(
  { kwargs }: ChordSignature,
  options: SignatureOptions,
  given: Given,
  sender: CanvasSender,
): { readonly body: Frozen; readonly header: Frozen<GroupSignature>; readonly groupId: string } {
  const known = textOption(kwargs.header.options, 'task_id')
  const groupId = known ?? sender.newId()
  const rootId = textOption(options, 'root_id')
  const place = {
    // The option of a frozen chord is the id of its header.
    id: textOption(known === undefined ? options : (given.options ?? {}), 'task_id'),
    rootId,
    groupId: textOption(options, 'group_id') ?? groupId,
    groupIndex: typeof options.group_index === 'number' ? options.group_index : undefined,
    chord: isSaid(options.chord) ? parseSignature(options.chord) : undefined,
  }
  const body = freeze(bodyWith(soleStep(kwargs.body), options), place, sender)
  return { body, header: freezeGroup(kwargs.header, { id: groupId, groupId, rootId, chord: body.signature }, sender), groupId }
}

/** Options of a chord are those of its body: what follows the chord follows the body. */
function bodyWith(body: Signature, options: SignatureOptions): Signature {
  const { task_id: _, parent_id: _parent, group_id: _group, group_index: _index, chord: _chord, ...rest } = options
  const { countdown: _countdown, eta: _eta, interval: _interval, max_retries: _max, chain, link, link_error, ...others } = rest
  const remainder = chain === undefined ? {} : { chain: [...listOption(rest, 'chain'), ...listOption(body.options, 'chain')] }
  const followed = linkedOnError(linked(body, listOption({ link }, 'link')), listOption({ link_error }, 'link_error'))
  return withOptions(followed, { ...others, ...remainder })
}

/** They are those of the members, too, but for what belongs to the body alone. */
function headerOptions(options: SignatureOptions, body: Signature): SignatureOptions {
  const {
    chain: _,
    group_id: _group,
    link: _link,
    link_error: _errors,
    interval: _interval,
    max_retries: _max,
    ...rest
  } = options
  return { ...rest, chord: body }
}

/** The task that looks every second whether a header is complete, where the result backend does not count. */
function unlockOrder(header: ResultTuple, body: Signature, options: SignatureOptions, sender: CanvasSender): TaskOrder {
  const { interval = null, max_retries = null } = options
  const [[groupId], members] = header
  const unlock = plainSignature('celery.chord_unlock', {
    args: [groupId, body],
    kwargs: { interval, max_retries, result: members ?? [] },
    options: { countdown: 1, ignore_result: true, queue: body.options.queue, priority: body.options.priority },
  })
  const order = taskOrder(unlock, sender.newId(), sender)
  return { ...order, routing: { ...order.routing, name: body.task } }
}
