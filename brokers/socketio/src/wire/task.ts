/** `worker.task`: a server hands a task to a worker, which in L1 says whether it takes it. */
import { choice } from './answer.ts'
import { properties } from './json-value.ts'
import { limits } from './limits.ts'
import { idReader, nameReader } from './names.ts'
import { type Decoded, instant, oneOf, optional, prose, type RecordOf, record, wholeNumber } from './reader.ts'

/** Until when a run belongs to the worker, and how often it says that it lives. */
export type Lease = RecordOf<typeof lease>
const lease = {
  id: idReader,
  /** ISO 8601. */
  expires: instant,
  heartbeatMs: wholeNumber(1, 7 * 86_400_000),
}

/** A task as it travels. L0 has `id` and `properties` alone. */
export type TaskFrame = RecordOf<typeof taskFrame>
const taskFrame = {
  id: idReader,
  properties,
  queue: optional(nameReader),
  /** From 1. */
  attempt: optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  maxAttempts: optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  /** ISO 8601. */
  deadline: optional(instant),
  lease: optional(record(lease)),
}

/** Decodes the arguments of `worker.task`; what socket.io's state recovery adds behind them is left out. */
export function decodeTask(args: readonly unknown[]): Decoded<TaskFrame> {
  return record(taskFrame)(args[0], '')
}

/** The acknowledgement of a task (L1). */
export type TaskAnswer = { readonly accepted: true } | ({ readonly accepted: false } & RecordOf<typeof declined>)
const declined = {
  /** `invalid`: the worker's own check of the properties failed, and will fail everywhere. */
  code: oneOf(['busy', 'draining', 'invalid', 'unsupported']),
  message: optional(prose(limits.proseCharacters)),
}

/** Decodes what a worker acknowledges a task with. */
export function decodeTaskAnswer(value: unknown): Decoded<TaskAnswer> {
  return choice('accepted', record({}), record(declined))(value)
}
