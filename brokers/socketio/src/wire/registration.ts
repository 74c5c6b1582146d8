/** `worker.connect`: a worker says who it is, and is answered. */
import type { Json } from '@lovage/core'
import { answer } from './answer.ts'
import { jsonObject } from './json-value.ts'
import { limits } from './limits.ts'
import { idReader, nameReader } from './names.ts'
import {
  accepted,
  type Decoded,
  instant,
  isPlainObject,
  list,
  nullable,
  oneOf,
  optional,
  prose,
  type RecordOf,
  record,
  refused,
  wholeNumber,
} from './reader.ts'
import { type Work, work } from './work.ts'

/** The version of L1 that is spoken here. */
export const protocolVersion = 1

/** What a worker may say that it does. Words that are not known are left out. */
export type Feature = 'ack' | 'lease' | 'cancel' | 'progress' | 'batch' | 'broker'
const features: readonly string[] = ['ack', 'lease', 'cancel', 'progress', 'batch', 'broker'] satisfies readonly Feature[]

/** A task that a worker still has, and the lease under which it was given. */
export type HeldTask = RecordOf<typeof heldTask>
const heldTask = { id: idReader, lease: idReader }

/** The second argument of `worker.connect` in L1, as it travels. */
export type RegistrationOptions = RecordOf<typeof registrationOptions>
const registrationOptions = {
  /** A newer worker is answered with the version that is spoken here. */
  protocol: wholeNumber(1, 1_000_000),
  /** One start of the worker's process. */
  instance: idReader,
  capacity: optional(wholeNumber(1, limits.capacity)),
  queues: optional(list(nameReader, limits.queues)),
  labels: optional(labels),
  /** JSON Schema of the properties that it takes. */
  input: optional(schemaReader),
  resume: optional(list(record(heldTask), limits.capacity)),
  features: optional(list(idReader, limits.queues)),
  /** What it is and runs, of a worker with the feature `broker`. */
  work: optional(record(work)),
}

/** Who a worker is. */
export interface Registration {
  readonly id: string
  /** 0 if it came without options. */
  readonly level: 0 | 1
  /** L1: undefined only in L0. */
  readonly instance: string | undefined
  readonly capacity: number
  /** In L0, and unless it says others, the one named as the worker. */
  readonly queues: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly input: RegistrationOptions['input']
  readonly resume: readonly HeldTask[]
  readonly features: readonly Feature[]
  /** Given by a worker with the feature `broker` alone. */
  readonly work?: Work | undefined
}

/** Decodes the arguments of `worker.connect` from a worker, without the callback of the acknowledgement. */
export function decodeRegistration(args: readonly unknown[]): Decoded<Registration> {
  const id = nameReader(args[0], 'id')
  if (!id.ok) return id
  const minimal = { id: id.frame, capacity: 1, queues: [id.frame], labels: {}, input: undefined, resume: [], features: [] }
  if (args[1] === undefined || args[1] === null) return accepted({ ...minimal, level: 0, instance: undefined })
  const options = record(registrationOptions)(args[1], '')
  if (!options.ok) return options
  const { protocol: _, queues = [], features: said = [], work, ...rest } = options.frame
  const known = said.filter((word): word is Feature => features.includes(word))
  const isBroker = known.includes('broker')
  if (isBroker && work === undefined) return refused('work', 'what a worker with the feature `broker` runs', work)
  return accepted({
    ...minimal,
    ...rest,
    level: 1,
    // A worker may have left its last queue for a while.
    queues: queues.length === 0 && !isBroker ? minimal.queues : [...new Set(queues)],
    features: known,
    ...(isBroker ? { work } : {}),
  })
}

/** As much of a JSON Schema as is kept for each worker; whether it is one is seen later. */
export function schemaReader(value: unknown, at: string): Decoded<{ readonly [name: string]: Json }> {
  const schema = jsonObject(value, at)
  if (!schema.ok) return schema
  const { length } = JSON.stringify(schema.frame)
  if (length <= limits.schemaCharacters) return schema
  return refused(at, `at most ${limits.schemaCharacters} characters of JSON`, `${length} characters`)
}

function labels(value: unknown, at: string): Decoded<Readonly<Record<string, string>>> {
  const fits =
    isPlainObject(value) &&
    Object.keys(value).length <= limits.labels &&
    Object.entries(value)
      .flat()
      .every((part) => typeof part === 'string' && part.length <= limits.nameCharacters)
  if (!fits) return refused(at, `an object of at most ${limits.labels} short texts`, value)
  return accepted(Object.fromEntries(Object.entries(value)) as Record<string, string>)
}

/** `worker.pause` to a worker, and a part of the answer to a registration. */
export type Pause = RecordOf<typeof pause>
const pause = {
  /** ISO 8601. */
  until: instant,
  reason: prose(limits.proseCharacters),
}

/** The acknowledgement of a registration. */
export type RegistrationAnswer =
  | ({ readonly ok: true } & RecordOf<typeof welcome>)
  | ({ readonly ok: false } & RecordOf<typeof refusal>)
const ms = wholeNumber(1, 7 * 86_400_000)
const welcome = {
  protocol: wholeNumber(1, 1_000_000),
  session: idReader,
  heartbeatMs: ms,
  leaseMs: ms,
  /** Ids of tasks that the worker said it has: still its own, and not. */
  resumed: list(idReader, limits.capacity),
  lost: list(idReader, limits.capacity),
  paused: nullable(record(pause)),
  /** What the server takes beyond the least of L1: `batch`, `broker`. */
  features: optional(list(idReader, limits.queues)),
}
const refusal = { code: oneOf(['duplicate-id', 'bad-request', 'forbidden']), message: prose(limits.proseCharacters) }

/** Decodes what a server acknowledges a registration with. */
export function decodeRegistrationAnswer(value: unknown): Decoded<RegistrationAnswer> {
  return answer(record(welcome), record(refusal))(value)
}

/** Decodes the arguments of `worker.pause`. */
export function decodePause(args: readonly unknown[]): Decoded<Pause> {
  return record(pause)(args[0], '')
}

/** Why a connection itself was refused: `data` of the error of the connection. */
export type ConnectRefusal = RecordOf<typeof connectRefusal>
const connectRefusal = {
  code: oneOf(['unauthorized', 'forbidden', 'version', 'server-full']),
  retryAfterMs: optional(wholeNumber(0, 86_400_000)),
}

/** Decodes the `data` of a CONNECT_ERROR. */
export function decodeConnectRefusal(data: unknown): Decoded<ConnectRefusal> {
  return record(connectRefusal)(data, '')
}
