/** `worker.outcomes`: how runs ended, in the words of a worker with the feature `broker`. */
import { exceptionReasons, type Failure, type Outcome } from '@lovage/core'
import { answer } from './answer.ts'
import { entries } from './delivered.ts'
import { jsonValue } from './json-value.ts'
import { limits } from './limits.ts'
import { durationReader, idReader } from './names.ts'
import {
  accepted,
  cut,
  type Decoded,
  isPlainObject,
  list,
  oneOf,
  optional,
  prose,
  type Reader,
  type RecordOf,
  record,
  wholeNumber,
} from './reader.ts'

/** The longest text that is kept of a failure. */
const longest = 8000
/** Causes of causes that are kept. */
const mostCauses = 8

const whole = wholeNumber(0, Number.MAX_SAFE_INTEGER)
const failureFields = {
  name: prose(limits.nameCharacters),
  message: prose(longest),
  code: optional(prose(limits.nameCharacters)),
}

function failureReader(causes: number): Reader<Failure> {
  return (value, at) => {
    const fields = { ...failureFields, stack: optional(prose(longest)) }
    const read = record(causes === 0 ? fields : { ...fields, cause: optional(failureReader(causes - 1)) })
    return read(value, at) as Decoded<Failure>
  }
}

const failure = failureReader(mostCauses)
const reason = optional(prose(limits.nameCharacters))

const byType = {
  completed: record({ result: optional(jsonValue) }),
  failed: record({ failure, reason }),
  retried: record({ delayMs: durationReader, limit: whole, failure: optional(failure), reason }),
  released: record({ delayMs: optional(durationReader), failure: optional(failure) }),
  rejected: record({ reason: oneOf(exceptionReasons), failure: optional(failure) }),
  cancelled: record({ message: optional(prose(longest)) }),
}
const typeReader = oneOf(['completed', 'failed', 'retried', 'released', 'rejected', 'cancelled'])

/** Reads an outcome of core's. */
export const outcomeReader: Reader<Outcome> = (value, at) => {
  const type = typeReader(isPlainObject(value) ? value.type : undefined, `${at}.type`)
  if (!type.ok) return type
  const rest = (byType[type.frame] as Reader<object>)(value, at)
  return rest.ok ? accepted({ type: type.frame, ...rest.frame } as Outcome) : rest
}

/** An outcome as it is sent: what would be cut on the other side is cut here, for it is to fit into a message. */
export function travellingOutcome(outcome: Outcome): Outcome {
  if (outcome.type === 'completed') return outcome
  if (outcome.type === 'cancelled') return { ...outcome, message: outcome.message && cut(outcome.message, longest) }
  if (outcome.failure === undefined) return outcome
  return { ...outcome, failure: travellingFailure(outcome.failure, mostCauses) }
}

function travellingFailure({ name, message, code, stack, cause }: Failure, causes: number): Failure {
  return {
    name: cut(name, limits.nameCharacters),
    message: cut(message, longest),
    ...(code === undefined ? {} : { code: cut(code, limits.nameCharacters) }),
    ...(stack === undefined ? {} : { stack: cut(stack, longest) }),
    ...(cause === undefined || causes === 0 ? {} : { cause: travellingFailure(cause, causes - 1) }),
  }
}

/** One settled run. */
export type SettledRun = RecordOf<typeof settledRun>
const settledRun = {
  id: idReader,
  run: whole,
  /** How long before this is sent its handler began; undefined if it did not. */
  begunMsAgo: optional(durationReader),
  outcome: outcomeReader,
}

/** Decodes the arguments of `worker.outcomes`: each entry for itself. */
export function decodeOutcomes(args: readonly unknown[]): Decoded<readonly Decoded<SettledRun>[]> {
  return entries(record(settledRun), args)
}

/** What a server says of one of them. `lost`: the run was not the worker's any more; `invalid`: it cannot be read. */
export type OutcomeAnswer = { readonly ok: true } | ({ readonly ok: false } & RecordOf<typeof refusal>)
const refusal = { code: oneOf(['lost', 'invalid']), message: optional(prose(limits.proseCharacters)) }

/** Decodes what a server acknowledges `worker.outcomes` with: an answer for each, in order. */
export function decodeOutcomeAnswers(value: unknown): Decoded<readonly OutcomeAnswer[]> {
  return list(answer(record({}), record(refusal)), limits.prefetch)(value, 'answers')
}
