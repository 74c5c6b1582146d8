/** The catalogue of error codes. Each has a page in `docs/errors`; a spent code is never used again. */

export interface ErrorEntry {
  /** What it means, in one sentence. */
  readonly summary: string
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
}

const once = (summary: string): ErrorEntry => ({ summary, retryable: false })
const again = (summary: string): ErrorEntry => ({ summary, retryable: true })

export const errorCatalogue = {
  // You
  OPTION_INVALID: once('An option has a value that is not accepted.'),
  DURATION_INVALID: once('A text is not an interval such as `10s` or `7 days`.'),
  CRON_INVALID: once('A text is not a cron line, or a zone is not an IANA time zone.'),
  SCHEDULE_INVALID: once('A schedule needs exactly one of a cron line and an interval.'),
  NAME_INVALID: once('A name or id has characters or a length that is not accepted.'),
  DEFINITION_INVALID: once('A task definition is incomplete or contradicts itself.'),
  DEFINITION_DUPLICATE: once('Two task definitions have the same name.'),
  URL_UNSUPPORTED: once('No broker is known for this URL.'),
  MODULE_INVALID: once('A task file cannot be loaded or exports no task definition.'),
  UNSUPPORTED: once('This broker cannot do what was asked.'),
  TRANSACTION_UNUSABLE: once('The transaction that was handed in is not open, or not on the database of the queue.'),
  // The task
  INPUT_INVALID: once('The input does not satisfy the schema of the task definition.'),
  OUTPUT_INVALID: once('The handler returned something that does not satisfy the output schema.'),
  INPUT_UNSERIALIZABLE: once('A value cannot be written as JSON.'),
  PAYLOAD_TOO_LARGE: once('An input, result or log is larger than the limit.'),
  TASK_CONFLICT: once('The id stands for a task with other content.'),
  KEY_CONFLICT: once('The unique key is taken by an unresolved task and the policy is `reject`.'),
  DEPENDENCY_UNKNOWN: once('A dependency is not a known task.'),
  TASK_UNKNOWN: once('No task has this id.'),
  SCHEDULE_UNKNOWN: once('No schedule has this name.'),
  POOL_UNKNOWN: once('No worker pool has this name.'),
  TOKEN_UNKNOWN: once('No token of a worker has this id.'),
  TASK_FAILED: once('The awaited task failed.'),
  TASK_EXCEPTION: once('The awaited task was ended by the system.'),
  WAIT_TIMEOUT: again('The task was not resolved in the time given.'),
  TIMEOUT: once('A run took longer than its time limit.'),
  RUN_STOPPED: once(
    'A run was stopped from outside: cancelled, lost to this worker, past its deadline, or given back by a shutdown.',
  ),
  TRANSITION_REFUSED: once('The task is not in a state from which this can be done.'),
  // The place
  STORE_UNAVAILABLE: again('The store cannot be opened or reached.'),
  STORE_BUSY: again('Others kept the store locked for too long.'),
  STORE_FULL: again('There is no room left where the store writes.'),
  STORE_CORRUPT: once('The file or database is not a Lovage store, or it is damaged.'),
  STORE_CLOSED: once('The store was closed before or during the call.'),
  SCHEMA_NEWER: once('The store was written by a newer Lovage.'),
  SCHEMA_OLDER: once('The store must be migrated before this Lovage can use it.'),
  QUEUE_MISMATCH: once('A queue or exchange is there with other flags, or belongs to another program.'),
  PORT_TAKEN: again('Another program listens where the server should.'),
  // The other side
  PROTOCOL_INVALID: once('The other side sent something that is not part of the protocol.'),
  REQUEST_INVALID: once('An HTTP request is not what its address takes.'),
  REQUEST_REFUSED: once('An HTTP request came from another site, or under a host name that is not this server.'),
  AUTHENTICATION_FAILED: once('A request or a worker comes from nobody, or its token or signature cannot be believed.'),
  SCOPES_INSUFFICIENT: once('The caller of an HTTP request, or a worker, is known, but may not do this.'),
  ADDRESS_UNKNOWN: once('Nothing stands at this HTTP address.'),
  // Us
  SETTLED_TWICE: once('A delivery was settled a second time.'),
  BUG: once('Something happened that Lovage holds impossible.'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorCatalogue
