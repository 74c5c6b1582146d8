/** Keeps progress and log lines: gathered per tick, merged per run, never in the way of a handler. */
import type { LogLine, Task, TaskNote } from '@lovage/core'
import type { Engine } from './engine.ts'

interface Gathered {
  readonly id: string
  readonly run: number
  progress: string | undefined
  readonly lines: LogLine[]
}

export class NoteTaker {
  readonly #engine: Engine
  #gathered = new Map<string, Gathered>()
  #written: ReadonlyMap<string, Gathered> = new Map()
  #writing: Promise<void> | undefined
  #scheduled = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  add(task: Task, note: { progress?: string; line?: LogLine }): void {
    let entry = this.#gathered.get(task.id)
    if (entry === undefined || entry.run !== task.run) {
      entry = { id: task.id, run: task.run, progress: undefined, lines: [] }
      this.#gathered.set(task.id, entry)
    }
    if (note.progress !== undefined) entry.progress = note.progress
    if (note.line !== undefined) entry.lines.push(note.line)
    if (this.#scheduled || this.#writing !== undefined) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      void this.flush()
    })
  }

  /** Whether notes of this task are still on their way. They must arrive before its settlement: notes of ended runs are dropped. */
  has(id: string): boolean {
    return this.#gathered.has(id) || this.#written.has(id)
  }

  /** Resolves when everything gathered so far is kept or given up. Never rejects. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    if (this.#gathered.size === 0) return
    this.#written = this.#gathered
    this.#gathered = new Map()
    this.#writing = this.#write([...this.#written.values()]).finally(() => {
      this.#writing = undefined
      this.#written = new Map()
      if (this.#gathered.size > 0) void this.flush()
    })
    await this.#writing
  }

  async #write(notes: readonly TaskNote[]): Promise<void> {
    try {
      await this.#engine.store.note(notes)
    } catch (error) {
      this.#engine.logger.warn({ err: error, notes: notes.length }, 'progress and log lines could not be kept')
    }
  }
}
