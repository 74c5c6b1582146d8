/** Where runs over their rate limit wait, a line per task name, so that no name holds up another. */
import type { CancelTimer, Clock } from '@lovage/core'
import { ReservedQueue } from './reserved-queue.ts'
import type { RegisteredTask } from './task-registry.ts'
import type { TaskRun } from './task-run.ts'

/** A line of so many runs is long enough: more of its name need not come ... */
const enough = 100
/** ... before it is as short as this. */
const few = 50
/** Runs that may wait in one line, for brokers that cannot leave out a name. */
const most = 1000

interface Line {
  readonly runs: ReservedQueue<TaskRun>
  cancelTimer: CancelTimer
}

export interface LimitedLinesOptions {
  readonly clock: Clock
  /** Runs whose turn has come. */
  readonly onAdmitted: (runs: readonly TaskRun[]) => void
  /** The names of which no more should come, whenever they change. */
  readonly onSkip: (names: readonly string[]) => void
}

export class LimitedLines {
  readonly #options: LimitedLinesOptions
  readonly #lines = new Map<RegisteredTask, Line>()
  readonly #skipped = new Set<string>()
  /** When the last run that went away for want of a place in line has its turn. */
  readonly #awayUntil = new Map<RegisteredTask, number>()
  #count = 0

  constructor(options: LimitedLinesOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#count
  }

  /** The names of which no more should come. */
  get skipped(): readonly string[] {
    return [...this.#skipped]
  }

  isFull(task: RegisteredTask): boolean {
    return (this.#lines.get(task)?.runs.size ?? 0) >= most
  }

  list(): readonly TaskRun[] {
    return [...this.#lines.values()].flatMap((line) => line.runs.list())
  }

  /** How long a run that finds its line full stays away, in milliseconds: each until a turn of its own, so that it comes back once. */
  sendAway(task: RegisteredTask, now: number): number {
    const turn = task.gate?.intervalMs ?? 0
    const before = Math.max(this.#awayUntil.get(task) ?? 0, now + turn * (this.#lines.get(task)?.runs.size ?? 0))
    this.#awayUntil.set(task, before + turn)
    return Math.ceil(before + turn - now)
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
      this.#judge(run.task, line.runs.size)
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
      else this.#judge(task, line.runs.size)
    }
    this.#count -= taken.length
    return taken
  }

  /** Looks at a task's line again, after its limit has changed. */
  refresh(task: RegisteredTask): void {
    const line = this.#lines.get(task)
    this.#awayUntil.delete(task)
    if (line === undefined) return
    line.cancelTimer()
    this.#admit(task, line)
  }

  #arm(task: RegisteredTask, line: Line): void {
    const { clock } = this.#options
    line.cancelTimer = clock.at(task.gate?.nextAt ?? clock.now(), () => this.#admit(task, line))
  }

  #admit(task: RegisteredTask, line: Line): void {
    const now = this.#options.clock.now()
    const admitted: TaskRun[] = []
    while (line.runs.size > 0 && (task.gate === undefined || task.gate.pass(now))) {
      const run = line.runs.shift() as TaskRun
      run.stage = 'reserved'
      run.admitted = true
      admitted.push(run)
    }
    this.#count -= admitted.length
    if (line.runs.size === 0) {
      this.#close(task, line)
    } else {
      this.#arm(task, line)
      this.#judge(task, line.runs.size)
    }
    if (admitted.length > 0) this.#options.onAdmitted(admitted)
  }

  #close(task: RegisteredTask, line: Line): void {
    line.cancelTimer()
    this.#lines.delete(task)
    this.#judge(task, 0)
  }

  /** Says when a line has become long enough, or short enough again. */
  #judge({ definition: { name } }: RegisteredTask, length: number): void {
    if (length >= enough && !this.#skipped.has(name)) this.#skipped.add(name)
    else if (length > few || !this.#skipped.delete(name)) return
    this.#options.onSkip(this.skipped)
  }
}
