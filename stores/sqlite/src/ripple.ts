/** Collects what a write sets in motion beyond the tasks it names. */
import type { ResolvedNotice, Ripple } from '@lovage/core'

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

  /** What was collected. */
  end(): Ripple {
    return { ready: [...this.#ready], dueAt: this.#dueAt, resolved: this.#resolved }
  }
}
