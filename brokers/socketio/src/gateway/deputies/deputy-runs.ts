/** The runs that one worker has by its deputy's books: which are its own, and which are on their way to the store. */
import type { Abandoned, RunRef, Task } from '@lovage/core'

interface Run {
  task: Task
  /** Whether its outcome counted, once that is written; undefined while the worker has it. */
  settling?: Promise<boolean> | undefined
}

/** So many ended runs are remembered, for whoever tells the same again. */
const remembered = 1000

export class DeputyRuns {
  readonly #runs = new Map<string, Run>()
  /** Whether they counted. */
  readonly #ended = new Map<string, boolean>()
  #settling = 0

  /** Deliveries that count for the prefetch. */
  get unsettled(): number {
    return this.#runs.size - this.#settling
  }

  get ids(): readonly string[] {
    return [...this.#runs].flatMap(([id, { settling }]) => (settling === undefined ? [id] : []))
  }

  /** All whose lease is to be kept. */
  get held(): readonly RunRef[] {
    return [...this.#runs.values()].map(({ task }) => ({ id: task.id, run: task.run }))
  }

  has(ref: RunRef): boolean {
    return this.#find(ref) !== undefined
  }

  /** Answers an older run of the same task that is the worker's no more. */
  take(task: Task): RunRef | undefined {
    const older = this.#runs.get(task.id)
    this.#drop(task.id)
    this.#runs.set(task.id, { task })
    return older === undefined || older.settling !== undefined ? undefined : { id: task.id, run: older.task.run }
  }

  /** The worker comes back with a run that is its own still. */
  adopt(task: Task): void {
    if (this.#runs.get(task.id)?.task.run !== task.run) this.take(task)
  }

  /** The task of a run that the worker has. */
  taskOf(ref: RunRef): Task | undefined {
    const run = this.#find(ref)
    return run?.settling === undefined ? run?.task : undefined
  }

  /** The run has begun. */
  begun(ref: RunRef, startedAt: number): void {
    const run = this.#find(ref)
    if (run !== undefined) run.task = { ...run.task, startedAt }
  }

  /** What became, or becomes, of a run whose outcome was told before; undefined: it was not. */
  told(ref: RunRef): Promise<boolean> | boolean | undefined {
    return this.#find(ref)?.settling ?? this.#ended.get(keyOf(ref))
  }

  /** The run's outcome is on its way: its place is free. A rejection gives it back to the worker. */
  settle(ref: RunRef, written: Promise<boolean>): Promise<boolean> {
    const run = this.#find(ref)
    if (run === undefined) return written
    this.#settling++
    run.settling = written
    written.then(
      (counted) => this.#settled(ref, run, counted),
      () => {
        if (run.settling === undefined) return
        run.settling = undefined
        if (this.#runs.get(ref.id) === run) this.#settling--
      },
    )
    return written
  }

  /** The run is not the worker's any more. Answers it if the worker is to be told. */
  abandoned({ id, run: number }: Pick<Abandoned, 'id' | 'run'>): RunRef | undefined {
    const run = this.#runs.get(id)
    if (run === undefined || run.settling !== undefined || (number !== undefined && run.task.run !== number)) return undefined
    this.#drop(id)
    return { id, run: run.task.run }
  }

  /** Runs that the worker should have and does not name: they are taken out. */
  forgotten(named: ReadonlySet<string>): readonly Task[] {
    const tasks = [...this.#runs.values()].flatMap(({ task, settling }) => {
      return settling !== undefined || named.has(keyOf(task)) ? [] : [task]
    })
    for (const { id } of tasks) this.#drop(id)
    return tasks
  }

  clear(): void {
    this.#runs.clear()
    this.#settling = 0
  }

  #settled(ref: RunRef, run: Run, counted: boolean): void {
    if (this.#runs.get(ref.id) === run) this.#drop(ref.id)
    this.#ended.set(keyOf(ref), counted)
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= remembered) break
      this.#ended.delete(oldest)
    }
  }

  #drop(id: string): void {
    if (this.#runs.get(id)?.settling !== undefined) this.#settling--
    this.#runs.delete(id)
  }

  #find({ id, run: number }: RunRef): Run | undefined {
    const run = this.#runs.get(id)
    return run?.task.run === number ? run : undefined
  }
}

/** A run as the key of a map. */
export const keyOf = ({ id, run }: RunRef): string => `${run} ${id}`
