/** The steps of a chain, taken out of whatever it nests, so that each can be handed on by a message of its own. */
import { linkedSteps } from './links.ts'
import { chordSignature, isChain, isChord, isGroup, type Signature, withOptions, withTasks } from './signature.ts'

/**
 * Steps in forward order: nested chains are taken apart, groups of one are that one, empty groups and chains are left out as long
 * as there is something else, and a group with a step behind it is a chord.
 */
export function chainSteps(tasks: readonly Signature[]): readonly Signature[] {
  const steps = flat(tasks)
  const full = steps.filter((step) => !isEmptyGroup(step))
  const joined: Signature[] = []
  for (const step of (full.length === 0 ? steps.slice(0, 1) : full).toReversed()) {
    const next = joined.at(-1)
    if (next === undefined || !endsInGroup(step)) joined.push(step)
    else joined[joined.length - 1] = then(step, next)
  }
  return joined.toReversed()
}

/** A chain of one is that one: Python loses what a chain is given if a group is first in it. */
export function soleStep(signature: Signature): Signature {
  if (!isChain(signature) || Object.keys(signature.options).length > 0) return signature
  const [only, ...more] = chainSteps(signature.kwargs.tasks)
  return only === undefined || more.length > 0 ? signature : only
}

function flat(tasks: readonly Signature[]): readonly Signature[] {
  return tasks.flatMap((task) => {
    const step = unrolled(task)
    return isChain(step) ? flat(linkedSteps(step)) : [step]
  })
}

/** A group of one stands for that one. */
function unrolled(signature: Signature): Signature {
  if (!isGroup(signature)) return signature
  const [only, ...more] = signature.kwargs.tasks
  return only === undefined || more.length > 0 ? signature : unrolled(only)
}

function isEmptyGroup(signature: Signature): boolean {
  return isGroup(signature) && signature.kwargs.tasks.length === 0
}

/** Whether it ends in several tasks, so that a step behind it has to wait for them all. */
function endsInGroup(signature: Signature): boolean {
  if (isChord(signature)) return endsInGroup(signature.kwargs.body)
  if (!isChain(signature)) return isGroup(signature)
  const last = chainSteps(signature.kwargs.tasks).at(-1)
  return last !== undefined && endsInGroup(last)
}

/** One that ends in a group, with what waits for that group. */
function then(step: Signature, next: Signature): Signature {
  if (isChord(step)) return { ...step, kwargs: { ...step.kwargs, body: then(step.kwargs.body, next) } }
  if (isChain(step)) return withOptions(withTasks(step, [...linkedSteps(step), next]), { link: undefined, link_error: undefined })
  return isGroup(step) ? chordSignature(step, next) : step
}
