/** `worker.results`: what became of tasks, asked for by whoever may send them. */
import type { TaskResult } from '@lovage/core'
import { answer } from './answer.ts'
import { sendRefusal } from './buses.ts'
import { limits } from './limits.ts'
import { idReader } from './names.ts'
import {
  accepted,
  type Decoded,
  flag,
  isPlainObject,
  list,
  optional,
  type Reader,
  type RecordOf,
  record,
  refused,
  wholeNumber,
} from './reader.ts'

/** `wait`: the answer comes when the first of them is resolved. */
export type ResultRequest = RecordOf<typeof request>
const request = {
  ids: list(idReader, limits.batch),
  wait: optional(flag),
  timeoutMs: optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
}

/** Decodes the arguments of `worker.results`. */
export function decodeResultRequest(args: readonly unknown[]): Decoded<ResultRequest> {
  return record(request)(args[0], '')
}

/** The server is believed what it says of results: they go to the caller as they are. */
const result: Reader<TaskResult> = (value, at) => {
  if (!isPlainObject(value)) return refused(at, 'a result', value)
  const fixed = record({ id: idReader })(value, at)
  if (!fixed.ok) return fixed
  return typeof value.state === 'string'
    ? accepted(value as unknown as TaskResult)
    : refused(`${at}.state`, 'a state', value.state)
}

/** The acknowledgement of `worker.results`. */
export type ResultsAnswer =
  | { readonly ok: true; readonly results: readonly TaskResult[] }
  | ({ readonly ok: false } & RecordOf<typeof sendRefusal>)

/** Decodes what a server acknowledges `worker.results` with. */
export function decodeResultsAnswer(value: unknown): Decoded<ResultsAnswer> {
  return answer(record({ results: list(result, limits.batch) }), record(sendRefusal))(value)
}
