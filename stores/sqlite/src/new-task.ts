/** New tasks as cells: how they travel to the database thread. */
import type { NewTask } from '@lovage/core'
import { stateCodes } from './state-codes.ts'
import type { Cell } from './verb.ts'

/** How many cells a task takes. */
export const newTaskWidth = 15

/** Appends a task to a message. */
export function encodeNewTask(task: NewTask, out: Cell[]): void {
  const { extras } = task
  const state = startState(task.dueAt, task.createdAt)
  const isLinked = (extras?.dependencies?.length ?? 0) > 0
  out.push(
    task.id,
    task.name,
    task.queue,
    task.priority,
    stateCodes[state],
    task.input,
    extras === undefined ? null : JSON.stringify(extras),
    task.retryLimit ?? null,
    task.lostLimit,
    // A blocked task keeps the time that it waits for afterwards.
    state === 'scheduled' || isLinked ? (task.dueAt ?? null) : null,
    task.deadline ?? null,
    task.key ?? null,
    task.keyUntil ?? null,
    task.createdAt,
    task.key !== undefined ? (task.keyPolicy ?? 'existing') : isLinked ? 'linked' : null,
  )
}

/** The state of a task without dependencies. */
export function startState(dueAt: number | undefined, createdAt: number): 'scheduled' | 'pending' {
  return dueAt !== undefined && dueAt > createdAt ? 'scheduled' : 'pending'
}
