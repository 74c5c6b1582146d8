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
export const mostInLine = 1000

export interface LimitedLinesOptions {
  readonly clock: Clock
  /** A gate has opened, so that the first of its line may begin. */
  readonly onOpen: () => void
  /** The names of which no more should come, whenever they change. */
  readonly onSkip: (names: readonly string[]) => void
}

export class LimitedLines {
  readonly #options: LimitedLinesOptions
  readonly #lines = new Map<RegisteredTask, ReservedQueue<TaskRun>>()
  readonly #skipped = new Set<string>()
  #count = 0
  #wakeAt: number | undefined
  #cancelTimer: CancelTimer = () => {}

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

  list(): readonly TaskRun[] {
    return [...this.#lines.values()].flatMap((line) => line.list())
  }

  /** Puts a run at the end of its line; false where the line has no room. */
  add(run: TaskRun): boolean {
    const line = this.#lines.get(run.task) ?? new ReservedQueue()
    if (line.size >= mostInLine) return false
    run.stage = 'limited'
    line.push(run)
    this.#lines.set(run.task, line)
    this.#count++
    this.#judge(run.task, line.size)
    return true
  }

  /** Takes the first run out of the line whose gate has been open for the longest; undefined when all gates are shut. */
  shift(now: number): TaskRun | undefined {
    const task = this.#first()
    if (task === undefined || opensAt(task) > now) return undefined
    const line = this.#lines.get(task) as ReservedQueue<TaskRun>
    const run = line.shift()
    this.#count--
    this.#settle(task, line.size)
    return run
  }

  remove(matches: (run: TaskRun) => boolean): TaskRun[] {
    const taken: TaskRun[] = []
    for (const [task, line] of this.#lines) {
      taken.push(...line.remove(matches))
      this.#settle(task, line.size)
    }
    this.#count -= taken.length
    return taken
  }

  /** Sees to it that `onOpen` is called when the next gate opens. Gates that are open wait for a place, not for a time. */
  watch(now: number): void {
    const task = this.#first(now)
    const at = task === undefined ? undefined : opensAt(task)
    if (at === this.#wakeAt) return
    this.#cancelTimer()
    this.#wakeAt = at
    if (at === undefined) return
    this.#cancelTimer = this.#options.clock.at(at, () => {
      this.#wakeAt = undefined
      this.#options.onOpen()
    })
  }

  /** The task with a line whose gate opens first, of those that open after a time. */
  #first(after = Number.NEGATIVE_INFINITY): RegisteredTask | undefined {
    let first: RegisteredTask | undefined
    for (const task of this.#lines.keys()) {
      const at = opensAt(task)
      if (at > after && (first === undefined || at < opensAt(first))) first = task
    }
    return first
  }

  #settle(task: RegisteredTask, length: number): void {
    if (length === 0) this.#lines.delete(task)
    this.#judge(task, length)
  }

  /** Says when a line has become long enough, or short enough again. */
  #judge({ definition: { name } }: RegisteredTask, length: number): void {
    if (length >= enough && !this.#skipped.has(name)) this.#skipped.add(name)
    else if (length > few || !this.#skipped.delete(name)) return
    this.#options.onSkip(this.skipped)
  }
}

/** A line outlives its gate when the limit is taken away. */
function opensAt({ gate }: RegisteredTask): number {
  return gate?.nextAt ?? 0
}
