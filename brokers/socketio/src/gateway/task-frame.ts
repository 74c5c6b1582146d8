/** The frame in which a task travels to a worker. */
import type { Task } from '@lovage/core'
import type { TaskFrame } from '../wire/task.ts'
import { leaseOf } from './identity.ts'
import type { GatewaySettings } from './surroundings.ts'

interface Circumstances {
  readonly level: 0 | 1
  readonly now: number
  readonly settings: Pick<GatewaySettings, 'leaseMs' | 'retry'>
}

/** L0 has the id and the properties alone. Attempts are those that count: runs lost with their workers have a budget of their own. */
export function taskFrame(
  task: Task,
  properties: TaskFrame['properties'],
  { level, now, settings: { leaseMs, retry } }: Circumstances,
): TaskFrame {
  const { id, queue, run, retries, deadline, retryLimit = retry.limit } = task
  if (level === 0) return { id, properties }
  return {
    id,
    properties,
    queue,
    attempt: retries + 1,
    maxAttempts: Math.max(retries, retryLimit) + 1,
    ...(deadline === undefined ? {} : { deadline: new Date(deadline).toJSON() }),
    lease: { id: leaseOf(run), expires: instant(now + leaseMs), heartbeatMs: heartbeatMs(leaseMs) },
  }
}

/** Two heartbeats may be lost before a lease ends. */
export function heartbeatMs(leaseMs: number): number {
  return Math.floor(leaseMs / 3)
}

/** The last time that was written: tasks that go out together have the same. */
let last = { at: Number.NaN, text: '' }

function instant(at: number): string {
  if (last.at !== at) last = { at, text: new Date(at).toJSON() }
  return last.text
}
