/** What passes about a worker as a whole: its capacity, draining, and words of the server to its user. */
import { limits } from './limits.ts'
import { accepted, type Decoded, isPlainObject, optional, prose, type RecordOf, record, wholeNumber } from './reader.ts'

/** `worker.capacity`: for how many tasks more a worker has room. */
export type CapacityFrame = RecordOf<typeof capacityFrame>
const capacityFrame = { free: wholeNumber(0, limits.capacity) }

/** Decodes the arguments of `worker.capacity`. */
export function decodeCapacity(args: readonly unknown[]): Decoded<CapacityFrame> {
  return record(capacityFrame)(args[0], '')
}

/** `worker.drain`: no new tasks. From a worker without a reason; from a server with one. */
export type DrainFrame = RecordOf<typeof drainFrame>
const drainFrame = { reason: optional(prose(limits.proseCharacters)) }

/** Decodes the arguments of `worker.drain`; none at all are fine. */
export function decodeDrain(args: readonly unknown[]): Decoded<DrainFrame> {
  return isPlainObject(args[0]) ? record(drainFrame)(args[0], '') : accepted({})
}

/** The acknowledgement of a drain, by either side: how many tasks still run. */
export type DrainAnswer = RecordOf<typeof drainAnswer>
const drainAnswer = { running: wholeNumber(0, limits.capacity) }

/** Decodes what a drain is acknowledged with. */
export function decodeDrainAnswer(value: unknown): Decoded<DrainAnswer> {
  return record(drainAnswer)(value, '')
}

/** Decodes the arguments of `worker.error`: a text for the worker's user. */
export function decodeError(args: readonly unknown[]): Decoded<string> {
  return prose(limits.proseCharacters)(args[0], 'message')
}
