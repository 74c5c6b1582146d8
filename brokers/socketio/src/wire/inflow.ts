/** `worker.inflow`: what a worker with the feature `broker` takes from now on, whole each time. */
import { answer } from './answer.ts'
import { limits } from './limits.ts'
import { nameReader } from './names.ts'
import { type Decoded, flag, list, oneOf, prose, type RecordOf, record, text, wholeNumber } from './reader.ts'

/** What a registration says of it; the queues stand in the registration itself. */
export type InflowRules = RecordOf<typeof inflowFields>
export const inflowFields = {
  /** The most deliveries that may be unsettled. */
  prefetch: wholeNumber(0, limits.prefetch),
  paused: flag,
  /** Queues and names of which nothing is delivered for now. */
  resting: list(nameReader, limits.queues),
  skipped: list(text(1, limits.nameCharacters), limits.definitions),
}

/** `worker.inflow` as it travels. */
export type InflowFrame = RecordOf<typeof inflow>
const inflow = { ...inflowFields, queues: list(nameReader, limits.queues) }

/** Decodes the arguments of `worker.inflow`. */
export function decodeInflow(args: readonly unknown[]): Decoded<InflowFrame> {
  return record(inflow)(args[0], '')
}

/** The acknowledgement: `forbidden` changes nothing. */
export type InflowAnswer = { readonly ok: true } | ({ readonly ok: false } & RecordOf<typeof refusal>)
const refusal = { code: oneOf(['forbidden', 'invalid']), message: prose(limits.proseCharacters) }

/** Decodes what a server acknowledges `worker.inflow` with. */
export function decodeInflowAnswer(value: unknown): Decoded<InflowAnswer> {
  return answer(record({}), record(refusal))(value)
}
