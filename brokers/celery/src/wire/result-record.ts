/** Result records: what Celery keeps or sends of a task's state. */

/** The id of a result with those of its parents, `[[id, parent], children]`: children only where it is a group. */
export type ResultTuple = readonly [readonly [id: string, parent: ResultTuple | null], children: readonly ResultTuple[] | null]

/** What Celery keeps of a task's state (celery.md 15.1). Undefined is what the wire leaves out or calls null. */
export interface ResultRecord {
  readonly taskId: string
  /** `STARTED`, `RETRY`, `SUCCESS`, `FAILURE`, `REVOKED`, or a custom state. */
  readonly status: string
  /** The value; the exception as `python-exception` has it for `FAILURE`, `RETRY`, `REVOKED`; what a custom state says. */
  readonly result: unknown
  readonly traceback?: string | undefined
  /** Tasks that it sent; undefined where it was stored without a request. */
  readonly children?: readonly ResultTuple[] | undefined
  /** Epoch milliseconds, with microseconds as a fraction. Only of states that are ready. */
  readonly doneAtMs?: number | undefined
  readonly groupId?: string | undefined
  readonly parentId?: string | undefined
  /** With `result_extended`. */
  readonly extended?: ExtendedRecord | undefined
  /** Where reading changed the result (see `revivePython`): the result and what came for it. */
  readonly received?: { readonly result: unknown; readonly carried: unknown } | undefined
}

/** What `result_extended` adds. */
export interface ExtendedRecord {
  readonly name?: string | undefined
  readonly args?: unknown
  readonly kwargs?: unknown
  readonly worker?: string | undefined
  readonly retries?: number | undefined
  /** The routing key. */
  readonly queue?: string | undefined
  readonly stampedHeaders?: readonly string[] | undefined
  /** By name; each is a key of its own on the wire. */
  readonly stamps?: Readonly<Record<string, unknown>> | undefined
}
