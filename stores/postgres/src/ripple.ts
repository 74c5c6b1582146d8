/** Collects what a write sets in motion beyond the tasks it names. */
import type { ResolvedNotice, Ripple } from '@lovage/core'
import type { Cell } from './database.ts'
import { stateOf } from './state-codes.ts'

/** A ripple that is still growing. */
export class RippleLog {
  readonly #ready = new Set<string>()
  readonly #resolved: ResolvedNotice[] = []
  #dueAt: number | undefined

  /** A task of this queue became pending. */
  ready(queue: string): void {
    this.#ready.add(queue)
  }

  /** A task became scheduled for this time. */
  due(at: number): void {
    if (this.#dueAt === undefined || at < this.#dueAt) this.#dueAt = at
  }

  /** A task that nobody named was resolved. */
  resolved(notice: ResolvedNotice): void {
    this.#resolved.push(notice)
  }

  /** Takes over what the functions of the database tell. */
  add(ready: Cell | undefined, due: Cell | undefined, notices: Cell | undefined): void {
    for (const queue of (ready ?? []) as readonly string[]) this.ready(queue)
    if (typeof due === 'number') this.due(due)
    for (const text of (notices ?? []) as readonly string[]) {
      const [id, name, code, reason] = JSON.parse(text) as [string, string, number, string]
      this.resolved({ id, name, state: stateOf(code), reason })
    }
  }

  /** What was collected. */
  end(): Ripple {
    return { ready: [...this.#ready], dueAt: this.#dueAt, resolved: this.#resolved }
  }
}
