/** Tells other systems what becomes of tasks, from the changes that the queue makes. Best effort, and only where somebody asked. */
import type { InsertResult, NewTask, Task, TaskNews, TaskNewsKind, TaskPatch } from '@lovage/core'

export class TaskTeller {
  readonly #news: TaskNews

  constructor(news: TaskNews) {
    this.#news = news
  }

  /** Those that were inserted. */
  sent(tasks: readonly NewTask[], results: readonly InsertResult[]): void {
    tasks.forEach((sent, index) => {
      const result = results[index]
      if (result?.status !== 'inserted') return
      const blockers = result.state === 'blocked' ? (sent.extras?.dependencies?.length ?? 0) : 0
      const task: Task = { ...sent, state: result.state, run: -1, retries: 0, lost: 0, runs: [], blockers }
      this.#news.tell('defined', task)
      if (task.state === 'pending') this.#news.tell('pending', task)
    })
  }

  claimed(tasks: readonly Task[]): void {
    for (const task of tasks) this.#news.tell('running', task)
  }

  /** A change that was applied: every run that ended is told, also when another one follows. */
  changed(before: Task, patch: TaskPatch): void {
    const task = patched(before, patch)
    const { ended } = patch
    if (ended !== undefined && before.state === 'running') {
      const { run, outcome } = ended
      this.#news.tell(outcome === 'completed' || outcome === 'failed' ? outcome : 'exception', task, run)
    }
    const kind = told[patch.state]
    if (kind !== undefined) this.#news.tell(kind, task)
  }
}

/** What is told of a task that is in this state now; that it runs is told by its claim. */
const told: Readonly<Partial<Record<Task['state'], TaskNewsKind>>> = {
  pending: 'pending',
  completed: 'completed',
  failed: 'failed',
  exception: 'exception',
}

/** The task as the change leaves it in the store. */
function patched(before: Task, { ended, ...patch }: TaskPatch): Task {
  const task: Record<string, unknown> = { ...before }
  if (patch.state !== 'running') task.holder = task.takenUntil = undefined
  for (const [name, value] of Object.entries(patch)) task[name] = value ?? undefined
  if (ended !== undefined) task.runs = [...before.runs, ended]
  return task as unknown as Task
}
