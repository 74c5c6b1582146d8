/** Stamps: headers that mark all tasks of a canvas, to be told apart or revoked by. */
import { stampNames } from './merge.ts'
import { isChain, isChord, isGroup, isRecord, listOption, type Signature, withOptions, withTasks } from './signature.ts'

/** Stamps every task of a signature, and its callbacks. A stamp that is there already gets the new value. */
export function stamped(signature: Signature, stamps: Readonly<Record<string, unknown>>): Signature {
  const own = withLinks(signature, stamps)
  if (isChain(own) || isGroup(own))
    return withTasks(
      own,
      own.kwargs.tasks.map((task) => stamped(task, stamps)),
    )
  if (isChord(own)) {
    const { header, body } = own.kwargs
    return { ...own, kwargs: { ...own.kwargs, header: stamped(header, stamps), body: stamped(body, stamps) } }
  }
  const names = new Set([...stampNames(own.options), ...Object.keys(stamps)])
  return withOptions(own, { ...stamps, stamped_headers: [...names] })
}

function withLinks(signature: Signature, stamps: Readonly<Record<string, unknown>>): Signature {
  const changes = ['link', 'link_error'].flatMap((name) => {
    const links = listOption(signature.options, name)
    return links.length === 0 ? [] : [[name, links.map((link) => (isRecord(link) ? stamped(link as Signature, stamps) : link))]]
  })
  return withOptions(signature, Object.fromEntries(changes))
}
