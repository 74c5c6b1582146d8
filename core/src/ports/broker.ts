/** The Broker port: three buses and the results. Every world that Lovage serves implements it; the worker knows nothing else. */
import type { AbortSignal } from '../context.ts'
import type { ControlHandler, ControlReply, RequestOptions } from '../control.ts'
import type { WorkerEvent } from '../event.ts'
import type { DeliveredMessage, PublishedTask, SendReceipt, TaskMessage } from '../message.ts'
import type { Outcome } from '../outcome.ts'
import type { TaskResult } from '../task-result.ts'
import type { Admin } from './admin.ts'
import type { Desk } from './desk.ts'

/** Where tasks come from and go to. */
export interface Broker {
  /** The kind of world, for example `queue` or `celery`. */
  readonly name: string
  readonly tasks: TaskBus
  readonly control: ControlBus
  readonly events: EventBus
  readonly results: Results
  /** What an operator can see and change beyond the buses; absent where the world cannot know it. */
  readonly admin?: Admin | undefined
  /** Work on behalf of workers elsewhere; absent where the world cannot hand it out. */
  readonly desk?: Desk | undefined
  /** Only workers remember what was revoked: one that starts asks the others before it takes tasks. Default false. */
  readonly asksBeforeTaking?: boolean | undefined
  /** What the settings of the world say of its workers; absent where it has none for them. */
  readonly workerDefaults?: WorkerDefaults | undefined
  /**
   * Ends consumers (their unsettled deliveries go back) and captures, waits for what is being written, and rejects what
   * still waits for a result or a reply. May be called twice.
   */
  close(): Promise<void>
}

/** Limits of a task's runs. */
export interface RunLimits {
  readonly timeoutMs?: number | undefined
  readonly softTimeoutMs?: number | undefined
  /** As a definition writes it. */
  readonly rateLimit?: string | number | undefined
}

/** What holds for a worker, and for a definition, that says nothing itself. */
export interface WorkerDefaults extends RunLimits {
  /** How many tasks run at once. */
  readonly concurrency?: number | undefined
  /** The prefetch of a worker that runs so many tasks at once; 0 is without a limit. Absent: the worker finds its own. */
  readonly prefetch?: ((concurrency: number) => number) | undefined
  /** After so many tasks a thread or process of a pool is replaced. */
  readonly maxTasksPerChild?: number | undefined
  /** What is said of the task of this name, whatever its definition says. */
  readonly limitsOf?: ((task: string) => RunLimits) | undefined
}

/** Work: from senders to workers. */
export interface TaskBus {
  /**
   * Resolves when every message is safe with the broker; all of the call or none. Concurrent calls are batched.
   * @throws {TaskError} TASK_CONFLICT, KEY_CONFLICT, DEPENDENCY_UNKNOWN, INPUT_UNSERIALIZABLE; and the reason of `signal`
   */
  send(messages: readonly TaskMessage[], options?: SendWait): Promise<readonly SendReceipt[]>
  consume(options: ConsumeOptions, listener: ConsumerListener): Promise<Consumer>
  /**
   * Sends in a transaction of the caller's: whatever is sent is there, and workers hear of it, when the caller commits, and not
   * before. A refusal leaves the transaction as it was. Absent where no broker of the kind can.
   * @param transaction what stands for it in the driver of the store, for example a client of `pg`
   * @throws {ConfigError} UNSUPPORTED; TRANSACTION_UNUSABLE from its `send`
   */
  within?(transaction: object): Pick<TaskBus, 'send'>
  /** Asks that these tasks do not run; one that runs is aborted wherever it runs. Answers per id whether it had an effect. */
  cancel(ids: readonly string[], reason?: string): Promise<readonly boolean[]>
}

export interface ConsumeOptions {
  readonly queues: readonly string[]
  /** The most deliveries that may be unsettled at once; 0, which only the defaults of the broker's own give, is without a limit. */
  readonly prefetch: number
  /** `name@host`. */
  readonly worker: string
  /** What the worker can run; nothing else is delivered by a broker that can choose. */
  readonly tasks: readonly PublishedTask[]
  /** The worker hands tasks on, whatever their names: those of every name are delivered. Default false. */
  readonly everyTask?: boolean | undefined
}

/** What a consumer tells its worker. None of these may throw. */
export interface ConsumerListener {
  /** In order of priority, then age. Never more than the prefetch allows. */
  deliver(deliveries: readonly Delivery[]): void
  /** The delivery is no longer the worker's: abort it; settling it has no effect. */
  revoke(taskId: string, run: number, reason: RevokeReason): void
  /** Something went wrong and was recovered or is being retried. */
  error(error: Error): void
  /**
   * The broker was away and everything is in place again, but what was said meanwhile was not heard: commands and events. Never
   * called by a broker that keeps them.
   */
  back?(): void
  /** The broker has sent the worker away for good: nothing more will come, and what it has belongs to others. */
  over?(error: Error): void
}

/** `cancelled`: someone asked for it; `lost`: the lease or the connection went, the task may run elsewhere; `deadline`: it passed. */
export type RevokeReason = 'cancelled' | 'lost' | 'deadline'

/** The inflow of one worker. */
export interface Consumer {
  /** The holder under which deliveries are claimed: this start of the worker. */
  readonly holder: string
  /** Stops new deliveries; those delivered stay with the worker. */
  pause(): void
  resume(): void
  setPrefetch(prefetch: number): void
  /** Tasks of these names are not delivered for now; none lifts it. Absent where the broker cannot choose. */
  skip?(names: readonly string[]): void
  /**
   * Tasks of these queues are not delivered for now, though they stay the worker's; none lifts it. What was being fetched may
   * still come. Absent where the broker cannot choose.
   */
  rest?(queues: readonly string[]): void
  addQueue(queue: string): Promise<void>
  cancelQueue(queue: string): Promise<void>
  /** Waits until every settlement is safe, gives back what was not settled, and goes. */
  close(): Promise<void>
}

/** A task as handed to a worker, to be settled exactly once. */
export interface Delivery {
  readonly message: DeliveredMessage
  /** It was delivered before and came back. */
  readonly redelivered: boolean
  /**
   * The run begins now. A promise asks the worker to wait with its handler until the broker knows of it: true when it does,
   * false when the run is no longer this worker's; it rejects when nobody could be told, and nothing may begin.
   */
  accept(): Promise<boolean> | undefined
  /** Keeps progress (any JSON value) and log lines with the task; batched, never throws. */
  note(note: DeliveryNote): void
  /**
   * Resolves when the outcome is safe; true if it counted, false if the run was no longer this worker's.
   * Concurrent settlements are batched. Settling twice is a BugError.
   * @throws {TaskError} INPUT_UNSERIALIZABLE, PAYLOAD_TOO_LARGE when it cannot be written: nothing is settled, another outcome may be
   */
  settle(outcome: Outcome): Promise<boolean>
  /**
   * The worker gives up: whatever it says is not taken. The delivery takes no room any more, and the task comes again, here or elsewhere,
   * as soon as the broker can give it back. Nothing happens to one that is settled. Absent: it is held until the consumer closes.
   */
  abandon?(): void
  /**
   * Writes the completion of this run in a transaction of the handler's: it counts when that commits. The delivery is settled as
   * ever when the handler ends; the answer is false if the completion was committed before that. Absent where no broker of the
   * kind can.
   * @throws {TaskError} RUN_STOPPED when the run is no longer the worker's: the transaction cannot be committed any more
   * @throws {TaskError} INPUT_UNSERIALIZABLE, PAYLOAD_TOO_LARGE
   * @throws {ConfigError} UNSUPPORTED, TRANSACTION_UNUSABLE
   */
  completeWithin?(result: unknown, transaction: object): Promise<void>
  /** The outcome that was committed in a transaction of the handler's; known once `settle` has answered false. */
  readonly committed?: Outcome | undefined
}

export interface DeliveryNote {
  readonly progress?: unknown
  readonly line?: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string }
}

/** Commands to workers and their replies. */
export interface ControlBus {
  /** Serves commands addressed to the worker until the answer is called. */
  serve(worker: string, handler: ControlHandler): Promise<() => Promise<void>>
  /** Resolves with the replies that came in time: rejects only when `signal` fires or the broker closes. */
  request(method: string, args: Readonly<Record<string, unknown>>, options?: RequestOptions): Promise<readonly ControlReply[]>
}

/** What workers tell the world. */
export interface EventBus {
  /** Never throws; dropped when nobody listens. */
  emit(event: WorkerEvent): void
  /** Whether `wanted` tells for certain that nobody listens, so that events may be on by default and cost nothing. */
  readonly knowsListeners: boolean
  /** Whether someone may be listening, to events of this type when one is given; false saves the work of building them. */
  wanted(type?: string): boolean
  /** Globs on event types (`task-*`). The answer ends the capture. */
  capture(patterns: readonly string[], handler: (event: WorkerEvent) => void): Promise<() => Promise<void>>
}

export interface Results {
  /** One entry per id, in order. */
  get(ids: readonly string[]): Promise<readonly TaskResult[]>
  /**
   * Resolves when the task is resolved.
   * @throws {TaskError} WAIT_TIMEOUT after `timeoutMs`; TASK_UNKNOWN; and the reason of `signal`
   */
  wait(id: string, options?: ResultWait): Promise<TaskResult>
}

/** How long to wait for the broker. */
export interface SendWait {
  /**
   * Withdraws messages that wait here for a connection: they are not sent, or not again where one broke before the broker had
   * answered. For what is on its way the call waits as ever. A broker that refuses at once what it cannot take now may ignore it.
   */
  readonly signal?: AbortSignal | undefined
}

/** How long to wait for a task. */
export interface ResultWait {
  /** Default: as long as it takes. */
  readonly timeoutMs?: number | undefined
  /** Ends the wait, not the task. */
  readonly signal?: AbortSignal | undefined
}
