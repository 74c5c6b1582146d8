/** Task messages of Celery, read: what versions 1 and 2 of the protocol say, in one shape. */

/** The JSON form of a signature; here a passenger that nobody looks into. */
export type SignatureObject = Readonly<Record<string, unknown>>

/** What follows a task. */
export interface Embed {
  /** On success, applied with the return value. */
  readonly callbacks?: readonly SignatureObject[] | undefined
  /** On failure. */
  readonly errbacks?: readonly SignatureObject[] | undefined
  /** In reverse: the next step is the last element. */
  readonly chain?: readonly SignatureObject[] | undefined
  /** The body of the chord whose header this task is in. */
  readonly chord?: SignatureObject | undefined
  /** What others put there. */
  readonly others?: Readonly<Record<string, unknown>> | undefined
}

/**
 * A task as it travels. Undefined is what the wire calls null: not said.
 * @see https://docs.celeryq.dev/en/stable/internals/protocol.html
 */
export interface TaskRequest {
  readonly id: string
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly embed: Embed
  /** `py` unless the sender says another. */
  readonly lang?: string | undefined
  /** The first task of the workflow; a plain client says the task's own id. */
  readonly rootId?: string | undefined
  /** The task that sent this one. On a retry of a root task its own id: walk no parents without a bound. */
  readonly parentId?: string | undefined
  readonly group?: string | undefined
  readonly groupIndex?: number | undefined
  readonly retries: number
  /** Epoch milliseconds, with microseconds as a fraction. */
  readonly etaMs?: number | undefined
  /** Epoch milliseconds, with microseconds as a fraction. */
  readonly expiresMs?: number | undefined
  /** Undefined is the task's own limit. */
  readonly hardLimitMs?: number | undefined
  /** Undefined is the task's own limit. */
  readonly softLimitMs?: number | undefined
  /** Python's repr of the arguments, for people. Encoding makes it of `args` when undefined. */
  readonly argsRepr?: string | undefined
  /** As `argsRepr`, of `kwargs`. */
  readonly kwargsRepr?: string | undefined
  /** The node name of the sender. */
  readonly origin?: string | undefined
  /** Shown instead of the task's name. */
  readonly shadow?: string | undefined
  /** Undefined is the task's own setting. */
  readonly ignoreResult?: boolean | undefined
  readonly replacedTaskNesting?: number | undefined
  /** The names of stamps, which tell those that are inherited. */
  readonly stampedHeaders?: readonly string[] | undefined
  readonly stamps?: Readonly<Record<string, unknown>> | undefined
  /** Headers that Celery does not know: the sender's own. */
  readonly headers: Readonly<Record<string, unknown>>
  /** The property; where results go on `rpc://`. */
  readonly replyTo?: string | undefined
  /** The property; the id unless the sender says another. */
  readonly correlationId?: string | undefined
  /** As the wire has it; see `MessageProperties`. */
  readonly priority?: number | undefined
  /** Of version 2 only: what came, so that it can be passed on as it was. */
  readonly received?: ReceivedPayload | undefined
}

/**
 * The payload of a decoded message. Encoding sends it again, byte for byte, as long as `args`, `kwargs` and `embed` of the
 * request are still these very objects: numbers and types of Python that JavaScript does not tell apart stay what they were.
 */
export interface ReceivedPayload {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly embed: Embed
  /** `args` for passing on (to a chord's body, to a starmap): see `parsePython`. The same object where nothing is lost. */
  readonly carriedArgs: readonly unknown[]
  /** As `carriedArgs`. */
  readonly carriedKwargs: Readonly<Record<string, unknown>>
  readonly contentType: string
  readonly contentEncoding: string
  /** The header, where the body is compressed. */
  readonly compression?: string | undefined
  readonly body: Uint8Array
}

/** Why a message is no task, in the words of celery.md 7.2. */
export type TaskFaultKind =
  /** The body cannot be read as its content type says. */
  | 'undecodable'
  /** Neither header nor body names a task. */
  | 'nameless'
  /** The content type is not accepted. */
  | 'refused-content'
  /** Arguments, times or what follows are not what they must be. */
  | 'invalid'
  /** It names a task, but has no id. */
  | 'without-id'

/** A message that is no task, and what a worker does with it. */
export interface TaskFault {
  readonly kind: TaskFaultKind
  /** `ack` drops it, `reject` is without requeue. */
  readonly verdict: 'ack' | 'reject'
  /** What was expected and what came, for the log. */
  readonly message: string
  /** As far as it is known. */
  readonly task?: string | undefined
  /** As far as it is known. */
  readonly id?: string | undefined
}

export type TaskDecoding =
  | { readonly ok: true; readonly request: TaskRequest }
  | { readonly ok: false; readonly fault: TaskFault }
