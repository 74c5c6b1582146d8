/** `worker.tasks` and what is said of them on both sides before they end: revoked, begun, noted. */
import { jsonObject, jsonValue } from './json-value.ts'
import { limits } from './limits.ts'
import { idReader, nameReader } from './names.ts'
import { type Decoded, flag, list, oneOf, optional, prose, type RecordOf, record, text, wholeNumber } from './reader.ts'

const count = wholeNumber(0, Number.MAX_SAFE_INTEGER)
const name = text(1, limits.nameCharacters)

/** The seldom-used parts of a task. */
const extras = {
  args: optional(list(jsonValue, limits.prefetch)),
  kwargs: optional(jsonObject),
  headers: optional(jsonObject),
  dependencies: optional(list(idReader, limits.prefetch)),
  timeoutMs: optional(count),
  parent: optional(idReader),
  flow: optional(idReader),
}

/** One delivery as it travels. Times are epoch milliseconds. */
export type DeliveredTask = RecordOf<typeof deliveredTask>
const deliveredTask = {
  id: idReader,
  name,
  queue: nameReader,
  priority: wholeNumber(1, 7),
  /** JSON text, as it is stored; none where there is no input. */
  input: optional(text(1, limits.payloadBytes)),
  run: count,
  retries: count,
  retryLimit: optional(count),
  lost: count,
  lostLimit: count,
  deadline: optional(count),
  key: optional(text(1, limits.proseCharacters)),
  sentAt: count,
  /** The server is to be asked before the handler begins. */
  asks: optional(flag),
  extras: optional(record(extras)),
}

/** Decodes the arguments of `worker.tasks`: each entry for itself, so that one which cannot be read keeps no others. */
export function decodeDelivered(args: readonly unknown[]): Decoded<readonly Decoded<DeliveredTask>[]> {
  return entries(record(deliveredTask), args)
}

/** A run of a task. */
const runRef = { id: idReader, run: count }
const revoked = { ...runRef, reason: oneOf(['cancelled', 'lost', 'deadline']) }

/** `worker.revoke`: runs that are not the worker's any more. */
export type RevokedRun = RecordOf<typeof revoked>

/** Decodes the arguments of `worker.revoke`. */
export function decodeRevoked(args: readonly unknown[]): Decoded<readonly RevokedRun[]> {
  return list(record(revoked), limits.prefetch)(args[0], 'runs')
}

/** `worker.begin`: these runs would begin now. Acknowledged by whether each may. */
export type BegunRun = RecordOf<typeof runRef>

/** Decodes the arguments of `worker.begin`. */
export function decodeBegun(args: readonly unknown[]): Decoded<readonly BegunRun[]> {
  return list(record(runRef), limits.prefetch)(args[0], 'runs')
}

/** Decodes what a server acknowledges `worker.begin` with. */
export function decodeMayBegin(value: unknown): Decoded<readonly boolean[]> {
  return list(flag, limits.prefetch)(value, 'answers')
}

/** `worker.log`: progress and lines of runs. Not acknowledged. */
export type RunNote = RecordOf<typeof runNote>
const line = { level: oneOf(['debug', 'info', 'warn', 'error']), text: prose(limits.proseCharacters) }
const runNote = { ...runRef, progress: optional(jsonValue), line: optional(record(line)) }

/** Decodes the arguments of `worker.log`. */
export function decodeNotes(args: readonly unknown[]): Decoded<readonly Decoded<RunNote>[]> {
  return entries(record(runNote), args)
}

/** The entries of a frame, each with its own reason if it is refused. */
export function entries<Entry>(read: (value: unknown, at: string) => Decoded<Entry>, args: readonly unknown[]) {
  const anything = (value: unknown): Decoded<unknown> => ({ ok: true, frame: value })
  const all = list(anything, limits.prefetch)(args[0], 'entries')
  return all.ok ? { ok: true as const, frame: all.frame.map((entry, index) => read(entry, `entries[${index}]`)) } : all
}
