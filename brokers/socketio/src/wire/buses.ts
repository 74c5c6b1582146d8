/** What passes beside tasks with the feature `broker`: commands and replies, events, tasks that a worker sends. */
import { type ErrorCode, errorCatalogue, type TaskMessage, type WorkerEvent } from '@lovage/core'
import { answer } from './answer.ts'
import { jsonObject, jsonValue } from './json-value.ts'
import { limits } from './limits.ts'
import { durationReader, idReader, nameReader, taskIdReader, timeReader } from './names.ts'
import {
  accepted,
  type Decoded,
  flag,
  isPlainObject,
  list,
  matching,
  oneOf,
  optional,
  prose,
  type RecordOf,
  record,
  text,
  wholeNumber,
} from './reader.ts'

/** `worker.control`: a command to the worker. */
export type CommandFrame = RecordOf<typeof command>
const command = { method: text(1, limits.nameCharacters), args: jsonObject }

/** Decodes the arguments of `worker.control`. */
export function decodeCommand(args: readonly unknown[]): Decoded<CommandFrame> {
  return record(command)(args[0], '')
}

/** The acknowledgement of a command: what the worker replies. */
export type CommandReply = { readonly ok: true; readonly value?: unknown } | { readonly ok: false; readonly error: string }

/** Decodes what a worker acknowledges a command with. */
export function decodeCommandReply(value: unknown): Decoded<CommandReply> {
  return answer(record({ value: optional(jsonValue) }), record({ error: prose(limits.proseCharacters) }))(value)
}

/** Decodes the arguments of `worker.events`. Only whoever is registered tells, under its own name. */
export function decodeEvents(args: readonly unknown[]): Decoded<readonly WorkerEvent[]> {
  return list((value, at) => {
    if (!isPlainObject(value)) return jsonObject(value, at) as Decoded<never>
    const fixed = record({ type: text(1, limits.nameCharacters), at: wholeNumber(0, Number.MAX_SAFE_INTEGER) })(value, at)
    if (!fixed.ok) return fixed
    const all = jsonObject(value, at)
    return all.ok ? accepted(all.frame as unknown as WorkerEvent) : all
  }, limits.batch)(args[0], 'events')
}

const whole = wholeNumber(0, Number.MAX_SAFE_INTEGER)
const bind = (value: unknown, at: string): Decoded<'one' | 'all' | { readonly first: number } | undefined> =>
  isPlainObject(value) ? record({ first: whole })(value, at) : optional(oneOf(['one', 'all']))(value, at)

/** A message of core's; `nullInput` tells an input that is null from none. */
const message = {
  id: taskIdReader,
  isNew: optional(flag),
  name: nameReader,
  queue: nameReader,
  priority: wholeNumber(1, 7),
  input: optional(jsonValue),
  nullInput: optional(flag),
  args: optional(list(jsonValue, limits.prefetch)),
  kwargs: optional(jsonObject),
  headers: optional(jsonObject),
  at: optional(timeReader),
  deadline: optional(timeReader),
  key: optional(text(1, limits.keyCharacters)),
  keyPolicy: optional(oneOf(['existing', 'reject', 'replace'])),
  keyForMs: optional(durationReader),
  dependencies: optional(list(idReader, limits.batch)),
  requires: optional(oneOf(['all-completed', 'all-resolved'])),
  onDependencyFailure: optional(oneOf(['resolve', 'wait'])),
  bind,
  retryLimit: optional(whole),
  lostLimit: optional(whole),
  timeoutMs: optional(durationReader),
  parent: optional(idReader),
  flow: optional(idReader),
}

/** Decodes the arguments of `worker.send`. */
export function decodeMessages(args: readonly unknown[]): Decoded<readonly TaskMessage[]> {
  const all = list(record(message), limits.batch)(args[0], 'messages')
  if (!all.ok) return all
  return accepted(all.frame.map(({ nullInput, ...rest }) => (nullInput === true ? { ...rest, input: null } : rest)))
}

/** The acknowledgement of `worker.send`. */
export type SendAnswer =
  | { readonly ok: true; readonly receipts: RecordOf<typeof receipts>['receipts'] }
  | ({ readonly ok: false } & RecordOf<typeof sendRefusal>)
const receipts = { receipts: list(record({ id: idReader, status: oneOf(['sent', 'existing']) }), limits.batch) }
/** Why the server did not do what was asked. */
export const sendRefusal = {
  /** One of core's. */
  code: matching(
    'a code of an error',
    (value): value is ErrorCode => typeof value === 'string' && Object.hasOwn(errorCatalogue, value),
  ),
  message: prose(limits.proseCharacters),
}

/** Decodes what a server acknowledges `worker.send` with. */
export function decodeSendAnswer(value: unknown): Decoded<SendAnswer> {
  return answer(record(receipts), record(sendRefusal))(value)
}
