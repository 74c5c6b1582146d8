/** Headers of task messages: which are Celery's, which are the sender's own. */
import { isRecord } from './embed.ts'
import { parseIsoTime } from './iso-time.ts'

type Headers = Readonly<Record<string, unknown>>

const known: ReadonlySet<string> = new Set([
  'lang',
  'task',
  'id',
  'root_id',
  'parent_id',
  'group',
  'group_index',
  'meth',
  'shadow',
  'eta',
  'expires',
  'retries',
  'timelimit',
  'argsrepr',
  'kwargsrepr',
  'origin',
  'ignore_result',
  'replaced_task_nesting',
  'stamped_headers',
  'stamps',
  'compression',
])

/** What a broker notes of how a message travelled; a task that is sent again begins a new journey. */
const journey = /^x-(?:(?:first-|last-)?death(?:-\w+)?|delivery-count)$/

const none: Headers = Object.freeze({})

/** The sender's own headers. */
export function customHeaders(headers: Headers): Headers {
  let custom: Record<string, unknown> | undefined
  for (const name in headers) {
    // Assigning that one would make a prototype of it.
    if (known.has(name) || name === '__proto__') continue
    custom ??= {}
    custom[name] = headers[name]
  }
  return custom ?? none
}

/** The headers that a retry carries over: without what says of dead letters. */
export function headersOfRetry(custom: Headers): Headers {
  const names = Object.keys(custom)
  return names.some((name) => journey.test(name))
    ? Object.fromEntries(names.filter((name) => !journey.test(name)).map((name) => [name, custom[name]]))
    : custom
}

export function textHeader(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function countHeader(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Null for what is no time; what Python takes for nothing is undefined. */
export function timeHeader(value: unknown): number | undefined | null {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return undefined
  return typeof value === 'string' ? (parseIsoTime(value) ?? null) : null
}

/** Seconds become milliseconds; 0 and null are the task's own. */
export function limitsHeader(value: unknown): readonly [hardMs: number | undefined, softMs: number | undefined] {
  return Array.isArray(value) ? [limitMs(value[0]), limitMs(value[1])] : [undefined, undefined]
}

function limitMs(seconds: unknown): number | undefined {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) return undefined
  return Math.round(seconds * 1e6) / 1000
}

/** The names of stamps that are inherited. */
export function stampedHeader(names: unknown): readonly string[] | undefined {
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : undefined
}

export function stampsHeader(stamps: unknown): Headers | undefined {
  return isRecord(stamps) && Object.keys(stamps).length > 0 ? stamps : undefined
}
