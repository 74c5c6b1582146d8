/** `worker.task.done` and `worker.task.fail`: what became of a run, and whether the server took it. */
import type { Json } from '@lovage/core'
import { answer } from './answer.ts'
import { jsonObject, jsonValue } from './json-value.ts'
import { limits } from './limits.ts'
import { idReader } from './names.ts'
import { accepted, type Decoded, flag, matching, oneOf, optional, prose, type RecordOf, record } from './reader.ts'

/** The handler resolved. L0 has no lease. */
export type DoneFrame = RecordOf<typeof doneFrame>
const doneFrame = {
  id: idReader,
  lease: optional(idReader),
  /** False: it ran, with a negative outcome. */
  success: flag,
  results: jsonOrNothing,
  meta: optional(jsonObject),
}

/** `null` is a result, other than a missing one. */
function jsonOrNothing(value: unknown, at: string): Decoded<Json | undefined> {
  return value === undefined ? accepted(undefined) : jsonValue(value, at)
}

/** The handler rejected or threw, or there is none: the worker is broken. L0 has no lease. */
export type FailFrame = RecordOf<typeof failFrame>
const failFrame = {
  id: idReader,
  lease: optional(idReader),
  success: matching('false', (value): value is false => value === false),
  results: prose(limits.proseCharacters),
  /** Default true: elsewhere it may succeed. */
  retry: optional(flag),
  /** Default true: the worker gets no tasks for a while. */
  pause: optional(flag),
}

/** Decodes the arguments of `worker.task.done`. */
export function decodeDone(args: readonly unknown[]): Decoded<DoneFrame> {
  return record(doneFrame)(args[0], '')
}

/** Decodes the arguments of `worker.task.fail`; a text that is too long is cut. */
export function decodeFail(args: readonly unknown[]): Decoded<FailFrame> {
  return record(failFrame)(args[0], '')
}

/** The acknowledgement of either (L1). Whatever it says, the worker does not send the frame again. */
export type SettlementAnswer = { readonly ok: true } | ({ readonly ok: false } & RecordOf<typeof unsettled>)
const unsettled = {
  /** `lost`: the run belongs to the worker no more. `invalid`: the frame itself is refused. */
  code: oneOf(['lost', 'unknown', 'duplicate', 'invalid']),
  message: optional(prose(limits.proseCharacters)),
}

/** Decodes what a server acknowledges a settlement with. */
export function decodeSettlementAnswer(value: unknown): Decoded<SettlementAnswer> {
  return answer(record({}), record(unsettled))(value)
}
