/** `lovage cancel`: asks that tasks do not run. */
import { isResolved, type Task } from '@lovage/core'
import { withBroker } from '../connection.ts'
import { reportEffects } from '../effect-report.ts'
import { type Action, argumentList } from '../invocation.ts'

export const cancel: Action<{ readonly reason?: string }> = async (invocation) => {
  const ids = [...new Set(argumentList(invocation, 0))]
  const effects = await withBroker(invocation, async (broker) => {
    const done = await broker.tasks.cancel(ids, invocation.options.reason)
    const found = (await broker.admin?.get(ids)) ?? []
    return ids.map((id, index) => ({ id, done: done[index] === true, task: found[index] }))
  })
  return reportEffects(invocation, effects, { did: 'cancelled', not: over })
}

function over({ state, reason }: Task): string {
  if (state === 'exception') return `it has ended already: ${reason ?? 'by the system'}`
  return isResolved(state) ? `it has ${state} already` : `it was ${state} and moved on meanwhile; try again`
}
