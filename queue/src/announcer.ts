/** Tells the others what a write has set in motion: tasks that are ready or due, resolved tasks, runs to abandon. */
import type { ResolvedNotice, Ripple, Signal } from '@lovage/core'
import { type Abort, abortChannel, dueChannel, readyChannel, resolvedChannel } from './channels.ts'

/** Every announcement is a hint: losing one costs time, never work. Nothing is built that nobody hears. */
export class Announcer {
  readonly #signal: Pick<Signal, 'publish' | 'heard'>

  constructor(signal: Pick<Signal, 'publish' | 'heard'>) {
    this.#signal = signal
  }

  /** Tasks are pending in these queues. */
  ready(queues: Iterable<string>): void {
    for (const queue of queues) {
      const channel = readyChannel(queue)
      if (this.#signal.heard(channel)) this.#signal.publish(channel, '')
    }
  }

  /** A task of the queue becomes pending at this time. */
  dueIn(queue: string, at: number): void {
    const channel = readyChannel(queue)
    if (this.#signal.heard(channel)) this.#signal.publish(channel, String(at))
    this.due(at)
  }

  /** Maintenance has something to do at this time. */
  due(at: number): void {
    if (this.#signal.heard(dueChannel)) this.#signal.publish(dueChannel, String(at))
  }

  resolved(ids: readonly string[]): void {
    if (ids.length > 0 && this.#signal.heard(resolvedChannel)) this.#signal.publish(resolvedChannel, JSON.stringify(ids))
  }

  /** Whether someone waits for results. */
  get awaited(): boolean {
    return this.#signal.heard(resolvedChannel)
  }

  abort(holder: string, aborts: readonly Abort[]): void {
    this.#signal.publish(abortChannel(holder), JSON.stringify(aborts))
  }

  /** Announces what a call did beyond the tasks that it named. */
  ripple(ripple: Ripple): void {
    if (ripple.ready.length > 0) this.ready(ripple.ready)
    if (ripple.dueAt !== undefined) this.due(ripple.dueAt)
    if (ripple.resolved.length === 0) return
    this.resolved(ripple.resolved.map((notice) => notice.id))
    this.#abandon(ripple.resolved)
  }

  #abandon(notices: readonly ResolvedNotice[]): void {
    for (const { holder, id, reason } of notices) {
      if (holder !== undefined) this.abort(holder, [{ id, reason: reason === 'deadline-exceeded' ? 'deadline' : 'cancelled' }])
    }
  }
}
