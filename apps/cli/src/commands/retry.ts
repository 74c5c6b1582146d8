/** `lovage retry`: makes tasks pending again. */
import type { Task } from '@lovage/core'
import { adminOf } from '../admin-of.ts'
import { withBroker } from '../connection.ts'
import { reportEffects } from '../effect-report.ts'
import { type Action, argumentList } from '../invocation.ts'

export const retry: Action = async (invocation) => {
  const ids = [...new Set(argumentList(invocation, 0))]
  const effects = await withBroker(invocation, async (broker) => {
    const admin = adminOf(broker)
    const done = await admin.retry(ids)
    const found = await admin.get(ids)
    return ids.map((id, index) => ({ id, done: done[index] === true, task: found[index] }))
  })
  return reportEffects(invocation, effects, { did: 'made pending', not: busy })
}

function busy(task: Task): string {
  if (task.state === 'running') return `it is running on ${task.worker ?? 'a worker'}; cancel it first`
  return task.state === 'pending' ? 'it is pending already' : `it is ${task.state}`
}
