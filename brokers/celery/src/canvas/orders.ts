/** Orders: what a canvas decision asks its sender to do, in this order. */
import type { ResultTuple } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'

/** How a message is published, by the options of its signature. What is undefined is up to the sender's settings. */
export interface Routing {
  readonly queue?: string | undefined
  readonly exchange?: string | undefined
  readonly routingKey?: string | undefined
  /** The name to look up in routes: of `celery.map` and `celery.starmap` the task inside. */
  readonly name: string
  readonly serializer?: string | undefined
  readonly compression?: string | undefined
  readonly deliveryMode?: 1 | 2 | undefined
}

/** A task message to be sent. */
export interface TaskOrder {
  readonly type: 'task'
  readonly request: TaskRequest
  readonly routing: Routing
}

/** The size of a chord's header is to be stored before what follows is sent; never asked of a backend that does not count. */
export interface BeginChordOrder {
  readonly type: 'begin-chord'
  readonly group: string
  readonly size: number
  /** The results of the header, where members are groups themselves: how what is counted flat is to be nested. */
  readonly nested?: ResultTuple | undefined
}

export type Order = TaskOrder | BeginChordOrder

/** Who applies a signature: a client, or a worker for a task that it ran. */
export interface CanvasSender {
  readonly newId: () => string
  /** Where results of what has no `reply_to` go. */
  readonly replyTo: string
  /** Epoch milliseconds. */
  readonly now: number
  /** Who counts the header of a chord: the result backend, `celery.chord_unlock`, or nobody, and chords are refused. */
  readonly chords: 'counted' | 'unlock' | 'refused'
  /** The node name. */
  readonly origin?: string | undefined
  /** The task that sends; none for a client. */
  readonly parent?: Pick<TaskRequest, 'id' | 'rootId'> | undefined
  /** As the wire has it, for what says none: `task_inherit_parent_priority`. */
  readonly priority?: number | undefined
}

/** What came of applying a signature. */
export interface Applied {
  readonly orders: readonly Order[]
  /** Of the whole: of a chain its last step, of a chord its body, with those before as parents. */
  readonly result: ResultTuple
  /** What the sending task counts among its children. */
  readonly children: readonly ResultTuple[]
}

/** What a worker does besides, when it has run a task. */
export interface Following {
  readonly orders: readonly Order[]
  readonly children: readonly ResultTuple[]
}
