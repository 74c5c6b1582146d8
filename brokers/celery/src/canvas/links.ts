/** Callbacks on success and on failure of signatures, and where those of a whole canvas go. */
import {
  type ChainSignature,
  isChord,
  isGroup,
  listOption,
  type Signature,
  type SignatureOptions,
  withOptions,
  withTasks,
} from './signature.ts'

/** Adds callbacks on success; of a chain or chord they belong to the end, of a group to every member. Each once. */
export function linked(signature: Signature, callbacks: readonly unknown[]): Signature {
  if (callbacks.length === 0) return signature
  if (isGroup(signature))
    return withTasks(
      signature,
      signature.kwargs.tasks.map((one) => linked(one, callbacks)),
    )
  if (isChord(signature)) {
    return { ...signature, kwargs: { ...signature.kwargs, body: linked(signature.kwargs.body, callbacks) } }
  }
  return withOptions(signature, { link: joined(listOption(signature.options, 'link'), callbacks) })
}

/** Adds callbacks on failure to whatever may fail the canvas: each step and member, and of a chord the body. */
export function linkedOnError(signature: Signature, errbacks: readonly unknown[]): Signature {
  if (errbacks.length === 0) return signature
  if (isGroup(signature))
    return withTasks(
      signature,
      signature.kwargs.tasks.map((one) => linkedOnError(one, errbacks)),
    )
  if (isChord(signature)) {
    const { header, body } = signature.kwargs
    // As in Celery: members of the header tell the body, and only chords among them are told themselves.
    const members = header.kwargs.tasks.map((one) => (isChord(one) ? linkedOnError(one, errbacks) : one))
    const kwargs = { ...signature.kwargs, header: withTasks(header, members), body: linkedOnError(body, errbacks) }
    return { ...signature, kwargs }
  }
  return withOptions(signature, { link_error: joined(listOption(signature.options, 'link_error'), errbacks) })
}

/** The steps of a chain, with the chain's own callbacks where they belong. */
export function linkedSteps(chain: ChainSignature, options: SignatureOptions = chain.options): readonly Signature[] {
  const { tasks } = chain.kwargs
  const callbacks = listOption(options, 'link')
  const errbacks = listOption(options, 'link_error')
  return tasks.map((task, index) => {
    const step = index === tasks.length - 1 ? linked(task, callbacks) : task
    return linkedOnError(step, errbacks)
  })
}

function joined(own: readonly unknown[], more: readonly unknown[]): readonly unknown[] {
  const known = new Set(own.map((one) => JSON.stringify(one)))
  return [...own, ...more.filter((one) => !known.has(JSON.stringify(one)))]
}
