/** Builds and emits what a worker tells the world, and only when someone listens. */
import type { EventEmitter } from 'node:events'
import {
  type EventBus,
  type EventType,
  type Failure,
  type Outcome,
  type RevokeReason,
  shown,
  type WorkerEvent,
} from '@lovage/core'
import type { Lamport } from './lamport.ts'
import type { TaskRun } from './task-run.ts'
import type { WorkerEvents } from './worker-events.ts'

export interface EventDeskOptions {
  readonly worker: string
  readonly bus: EventBus
  readonly emitter: EventEmitter<WorkerEvents>
  readonly lamport: Lamport
  readonly now: () => number
  /** Calls a listener's throw by its name. */
  readonly report: (error: unknown) => void
}

export class EventDesk {
  /** Whether task events go to the broker; worker events always do. */
  tasksWanted: boolean
  readonly #options: EventDeskOptions

  constructor(options: EventDeskOptions, tasksWanted: boolean) {
    this.#options = options
    this.tasksWanted = tasksWanted
  }

  /** Whether a task event of this type would reach anyone. */
  wants(type: EventType): boolean {
    const { bus, emitter } = this.#options
    return (this.tasksWanted && bus.wanted(type)) || emitter.listenerCount(type) > 0
  }

  /** Emits an event that is not about a task: to listeners here, and to the broker when someone may listen there. */
  tell(type: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#options.bus.wanted(type)) this.#send(this.#event(type, fields), true)
    else if (this.#options.emitter.listenerCount(type as EventType) > 0) this.#send(this.#event(type, fields), false)
  }

  /** Sends an event to every worker, this one among them. */
  dispatch(type: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.bus.emit(this.#event(type, fields))
  }

  /** Emits an event about a task. Ask `wants` before. */
  tellTask(type: EventType, run: TaskRun, fields: Readonly<Record<string, unknown>>): void {
    const { id, name } = run.message
    this.#send(this.#event(type, { id, name, run: run.message.run, ...fields }), this.tasksWanted)
  }

  received(run: TaskRun): void {
    const { message } = run
    this.tellTask('task-received', run, {
      queue: message.queue,
      args: shown(run.args),
      kwargs: shown(message.kwargs ?? {}),
      retries: message.retries,
      eta: isoTime(message.at),
      expires: isoTime(message.deadline),
      parent_id: message.parent ?? null,
    })
  }

  /** Tells that a run begins: to the listeners of its task's name, and as an event. */
  began(run: TaskRun): void {
    const { emitter } = this.#options
    if (emitter.listenerCount(run.task.event) > 0) this.#emit(run.task.event, run.message)
    if (emitter.listenerCount('worker.task.*') > 0) this.#emit('worker.task.*', run.message)
    if (this.wants('task-started')) this.tellTask('task-started', run, {})
  }

  /** Tells how a run ended; `runtimeMs` is undefined for one that never began. */
  ended(run: TaskRun, outcome: Outcome, runtimeMs: number | undefined): void {
    const type = endTypes[outcome.type]
    const reason = outcome.type === 'rejected' && outcome.reason === 'deadline-exceeded'
    const told = reason ? 'task-revoked' : type
    if (this.wants(told)) this.tellTask(told, run, endFields(run, outcome, runtimeMs))
  }

  /** Tells that the broker took the task back. */
  disowned(run: TaskRun, reason: RevokeReason): void {
    // A lost run says nothing about the task, which may go on elsewhere.
    if (reason === 'lost' || !this.wants('task-revoked')) return
    this.tellTask('task-revoked', run, { terminated: run.startedAt > 0, signum: null, expired: reason === 'deadline' })
  }

  #event(type: string, fields: Readonly<Record<string, unknown>>): WorkerEvent {
    const { worker, lamport, now } = this.#options
    return { type, at: now(), worker, pid: process.pid, clock: lamport.tick(), ...fields }
  }

  #send(event: WorkerEvent, abroad: boolean): void {
    if (abroad) this.#options.bus.emit(event)
    this.#emit(event.type as EventType, event)
  }

  #emit<Name extends keyof WorkerEvents>(name: Name, ...args: WorkerEvents[Name]): void {
    try {
      this.#options.emitter.emit(name as never, ...(args as never))
    } catch (error) {
      this.#options.report(error)
    }
  }
}

const endTypes: Readonly<Record<Outcome['type'], EventType>> = {
  completed: 'task-succeeded',
  failed: 'task-failed',
  retried: 'task-retried',
  released: 'task-released',
  rejected: 'task-rejected',
  cancelled: 'task-revoked',
}

function endFields(run: TaskRun, outcome: Outcome, runtimeMs: number | undefined): Readonly<Record<string, unknown>> {
  const runtime = (runtimeMs ?? 0) / 1000
  switch (outcome.type) {
    case 'completed':
      return { result: shown(outcome.result), runtime }
    case 'failed':
      return { ...failureFields(outcome.failure), runtime }
    case 'retried':
      return { ...failureFields(outcome.failure), runtime, delayMs: outcome.delayMs }
    case 'released':
      return { ...failureFields(outcome.failure), delayMs: outcome.delayMs ?? 0 }
    case 'rejected':
      if (outcome.reason === 'deadline-exceeded') return { terminated: false, signum: null, expired: true }
      return { requeue: false, reason: outcome.reason, ...failureFields(outcome.failure) }
    case 'cancelled': {
      const terminated = run.stopped?.type === 'terminated'
      return { terminated, signum: run.stopped?.type === 'terminated' ? run.stopped.signal : null, expired: false }
    }
  }
}

function failureFields(failure: Failure | undefined): Readonly<Record<string, unknown>> {
  if (failure === undefined) return { exception: null, traceback: null }
  return { exception: `${failure.name}: ${failure.message}`, traceback: failure.stack ?? null }
}

/** Epoch milliseconds as ISO text, the form Celery's monitors read. */
export function isoTime(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString()
}
