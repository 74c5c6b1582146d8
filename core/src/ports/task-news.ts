/** The TaskNews port: what becomes of tasks, told to other systems. */
import type { Task } from '../task.ts'

export type TaskNewsKind = 'defined' | 'pending' | 'running' | 'completed' | 'failed' | 'exception'

/** Tells other systems of tasks, in a form that is theirs. Best effort: what the store says is the truth. */
export interface TaskNews {
  /** Never throws and never blocks. The task is as it is after the change; its last run, or the one given, is what it is about. */
  tell(kind: TaskNewsKind, task: Task, run?: number): void
}
