/** Where runs over their rate limit wait, a line per task name, so that no name holds up another. */
import type { CancelTimer, Clock } from '@lovage/core'
import { ReservedQueue } from './reserved-queue.ts'
import type { RegisteredTask } from './task-registry.ts'
import type { TaskRun } from './task-run.ts'

/** Runs that may wait here in all. */
const most = 1000

interface Line {
  readonly runs: ReservedQueue<TaskRun>
  cancelTimer: CancelTimer
}

export class LimitedLines {
  readonly #clock: Clock
  readonly #onAdmitted: (runs: readonly TaskRun[]) => void
  readonly #lines = new Map<RegisteredTask, Line>()
  #count = 0

  /** `onAdmitted` is told of runs whose turn has come. */
  constructor(clock: Clock, onAdmitted: (runs: readonly TaskRun[]) => void) {
    this.#clock = clock
    this.#onAdmitted = onAdmitted
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count >= most
  }

  list(): readonly TaskRun[] {
    return [...this.#lines.values()].flatMap((line) => line.runs.list())
  }

  /** How long a run that came now would wait, in milliseconds. */
  waitMs(task: RegisteredTask): number {
    return task.gate?.waitMs((this.#lines.get(task)?.runs.size ?? 0) + 1) ?? 0
  }

  /** Whether a run may begin now, which takes the place. */
  pass(task: RegisteredTask, now: number): boolean {
    return task.gate === undefined || (!this.#lines.has(task) && task.gate.pass(now))
  }

  add(run: TaskRun): void {
    const line = this.#lines.get(run.task)
    run.stage = 'limited'
    this.#count++
    if (line !== undefined) {
      line.runs.push(run)
      return
    }
    const opened: Line = { runs: new ReservedQueue(), cancelTimer() {} }
    opened.runs.push(run)
    this.#lines.set(run.task, opened)
    this.#arm(run.task, opened)
  }

  remove(matches: (run: TaskRun) => boolean): TaskRun[] {
    const taken: TaskRun[] = []
    for (const [task, line] of this.#lines) {
      taken.push(...line.runs.remove(matches))
      if (line.runs.size === 0) this.#close(task, line)
    }
    this.#count -= taken.length
    return taken
  }

  /** Looks at a task's line again, after its limit has changed. */
  refresh(task: RegisteredTask): void {
    const line = this.#lines.get(task)
    if (line === undefined) return
    line.cancelTimer()
    this.#admit(task, line)
  }

  #arm(task: RegisteredTask, line: Line): void {
    line.cancelTimer = this.#clock.at(task.gate?.nextAt ?? this.#clock.now(), () => this.#admit(task, line))
  }

  #admit(task: RegisteredTask, line: Line): void {
    const now = this.#clock.now()
    const admitted: TaskRun[] = []
    while (line.runs.size > 0 && (task.gate === undefined || task.gate.pass(now))) {
      const run = line.runs.shift() as TaskRun
      run.stage = 'reserved'
      run.admitted = true
      admitted.push(run)
    }
    this.#count -= admitted.length
    if (line.runs.size === 0) this.#close(task, line)
    else this.#arm(task, line)
    if (admitted.length > 0) this.#onAdmitted(admitted)
  }

  #close(task: RegisteredTask, line: Line): void {
    line.cancelTimer()
    this.#lines.delete(task)
  }
}
