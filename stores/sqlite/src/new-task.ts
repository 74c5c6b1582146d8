/** New tasks as cells: how they travel to the database thread. */
import type { NewTask } from '@lovage/core'
import type { Cell } from './verb.ts'

/** How many cells a task takes. */
export const newTaskWidth = 15

/** Appends a task to a message. */
export function encodeNewTask(task: NewTask, out: Cell[]): void {
  const { extras } = task
  out.push(
    task.id,
    task.name,
    task.queue,
    task.priority,
    startState(task.dueAt, task.createdAt),
    task.input,
    extras === undefined ? null : JSON.stringify(extras),
    task.retryLimit ?? null,
    task.lostLimit,
    task.dueAt ?? null,
    task.deadline ?? null,
    task.key ?? null,
    task.keyUntil ?? null,
    task.createdAt,
    task.key !== undefined ? (task.keyPolicy ?? 'existing') : extras?.dependencies?.length ? 'linked' : null,
  )
}

/** The state of a task without dependencies. */
export function startState(dueAt: number | undefined, createdAt: number): 'scheduled' | 'pending' {
  return dueAt !== undefined && dueAt > createdAt ? 'scheduled' : 'pending'
}
