/** What passes while a run goes on (L1): heartbeats, progress, its cancellation. */
import { answer } from './answer.ts'
import { jsonValue } from './json-value.ts'
import { limits } from './limits.ts'
import { idReader } from './names.ts'
import { type Decoded, instant, matching, oneOf, optional, prose, type RecordOf, record } from './reader.ts'

/** `worker.task.heartbeat`: the run goes on. */
export type HeartbeatFrame = RecordOf<typeof heartbeatFrame>
const heartbeatFrame = { id: idReader, lease: idReader }

/** Decodes the arguments of `worker.task.heartbeat`. */
export function decodeHeartbeat(args: readonly unknown[]): Decoded<HeartbeatFrame> {
  return record(heartbeatFrame)(args[0], '')
}

/** The acknowledgement of a heartbeat. */
export type HeartbeatAnswer = { readonly ok: true; readonly expires: string } | { readonly ok: false; readonly code: 'lost' }

/** Decodes what a server acknowledges a heartbeat with. */
export function decodeHeartbeatAnswer(value: unknown): Decoded<HeartbeatAnswer> {
  return answer(record({ expires: instant }), record({ code: oneOf(['lost']) }))(value)
}

/** `worker.task.progress`: how far a run is. Not acknowledged. */
export type ProgressFrame = RecordOf<typeof progressFrame>
const progressFrame = {
  id: idReader,
  lease: idReader,
  /** 0 to 100. */
  percent: optional(
    matching('a number from 0 to 100', (value): value is number => typeof value === 'number' && value >= 0 && value <= 100),
  ),
  message: optional(prose(limits.proseCharacters)),
  data: optional(jsonValue),
}

/** Decodes the arguments of `worker.task.progress`. */
export function decodeProgress(args: readonly unknown[]): Decoded<ProgressFrame> {
  return record(progressFrame)(args[0], '')
}

/** `worker.cancel`: the run is not wanted any more; the worker still answers with done or fail. */
export type CancelFrame = RecordOf<typeof cancelFrame>
const cancelFrame = { id: idReader, reason: optional(prose(limits.proseCharacters)) }

/** Decodes the arguments of `worker.cancel`. */
export function decodeCancel(args: readonly unknown[]): Decoded<CancelFrame> {
  return record(cancelFrame)(args[0], '')
}
