/** Tells the others what a write has set in motion: tasks that are ready or due, resolved tasks, runs to abandon. */
import type { Abandoned, InsertReply, NewTask, ResolvedNotice, Ripple, Signal, Task, TaskPatch } from '@lovage/core'
import { abortChannel, dueChannel, readyChannel, resolvedChannel } from './channels.ts'
import { TaskTeller } from './task-teller.ts'

/** For hints at tasks that nobody has counted. */
const many = 1000

/** Where a task waits, and what it is. */
export type Waiting = Pick<Task, 'queue' | 'name'>

/** The parts of a signal that announcements take. */
type AnnouncerSignal = Pick<Signal, 'publish' | 'heard' | 'hints' | 'news'>

/** Every announcement is a hint: losing one costs time, never work. Nothing is built that nobody hears. */
export class Announcer {
  readonly #signal: AnnouncerSignal
  readonly #teller: TaskTeller | undefined

  constructor(signal: AnnouncerSignal) {
    this.#signal = signal
    this.#teller = signal.news && new TaskTeller(signal.news)
  }

  /** Tasks are pending in these queues. */
  ready(queues: Iterable<string>): void {
    for (const queue of queues) {
      this.#signal.hints?.post({ queue, amount: many })
      this.#wake(queue)
    }
  }

  /** Where there are hints, those still listen who speak for workers elsewhere. */
  #wake(queue: string): void {
    const channel = readyChannel(queue)
    if (this.#signal.heard(channel)) this.#signal.publish(channel, '')
  }

  /** These tasks are pending. */
  pending(tasks: readonly Waiting[]): void {
    const { hints } = this.#signal
    if (tasks.length === 0) return
    if (hints === undefined) {
      this.ready(new Set(tasks.map((task) => task.queue)))
      return
    }
    const counts = new Map<string, { readonly task: Waiting; amount: number }>()
    for (const task of tasks) {
      const key = `${task.queue} ${task.name}`
      const count = counts.get(key)
      if (count === undefined) counts.set(key, { task, amount: 1 })
      else count.amount++
    }
    for (const { task, amount } of counts.values()) hints.post({ queue: task.queue, name: task.name, amount })
    for (const queue of new Set(tasks.map((task) => task.queue))) this.#wake(queue)
  }

  /** What an insert of these tasks set in motion. */
  inserted(tasks: readonly NewTask[], reply: InsertReply): void {
    this.#teller?.sent(tasks, reply.results)
    if (this.#signal.hints === undefined) {
      this.ripple(reply)
      return
    }
    const pending = tasks.filter((_, index) => {
      const result = reply.results[index]
      return result?.status === 'inserted' && result.state === 'pending'
    })
    this.pending(pending)
    const told = new Set(pending.map((task) => task.queue))
    this.ripple({ ...reply, ready: reply.ready.filter((queue) => !told.has(queue)) })
  }

  /** Tasks that were claimed. */
  claimed(tasks: readonly Task[]): void {
    this.#teller?.claimed(tasks)
  }

  /** A change of a task that was applied, for those who ask what becomes of tasks. */
  changed(before: Task, patch: TaskPatch): void {
    this.#teller?.changed(before, patch)
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

  abort(holder: string, aborts: readonly Abandoned[]): void {
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
