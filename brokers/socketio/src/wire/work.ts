/** What a worker with the feature `broker` is, runs and takes: a part of its registration. */
import { inflowFields } from './inflow.ts'
import { jsonValue } from './json-value.ts'
import { limits } from './limits.ts'
import { nameReader } from './names.ts'
import { flag, list, optional, type RecordOf, record, text, wholeNumber } from './reader.ts'

/** A definition as its worker publishes it. */
const published = {
  name: text(1, limits.nameCharacters),
  /** JSON Schema of the input. */
  schema: optional(jsonValue),
  queue: optional(nameReader),
  priority: optional(wholeNumber(1, 7)),
  params: optional(list(text(1, limits.nameCharacters), limits.labels)),
  keyed: optional(flag),
  retryLimit: optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
  lostLimit: optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
}

/** What a worker is beyond its id, which is its name (`name@host`). */
export type Work = RecordOf<typeof work>
export const work = {
  host: text(1, limits.nameCharacters),
  pid: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  tasks: list(record(published), limits.definitions),
  /** It takes tasks of every name. */
  everyTask: optional(flag),
  inflow: record(inflowFields),
}
