/** Readers of values from the wire: each answers the value under its type, or in one line why it is refused. Nothing throws. */
import { shown } from '@lovage/core'

/** What became of a frame: itself, or the reason why it is none. */
export type Decoded<Frame> = { readonly ok: true; readonly frame: Frame } | Refused

export interface Refused {
  readonly ok: false
  /** One line: what was expected, what came. */
  readonly reason: string
}

/** Reads a value; `at` is its place in the frame, for the reason. */
export type Reader<Value> = (value: unknown, at: string) => Decoded<Value>

/** What a record of readers reads: what may be missing may be missing there too. */
export type RecordOf<Fields> = {
  readonly [Name in keyof Fields as IsOptional<Fields[Name]> extends true ? never : Name]: ValueOf<Fields[Name]>
} & {
  readonly [Name in keyof Fields as IsOptional<Fields[Name]> extends true ? Name : never]?: ValueOf<Fields[Name]>
}
type ValueOf<Read> = Read extends Reader<infer Value> ? Value : never
type IsOptional<Read> = undefined extends ValueOf<Read> ? true : false

export function accepted<Value>(frame: Value): Decoded<Value> {
  return { ok: true, frame }
}

export function refused(at: string, expected: string, got: unknown): Refused {
  return { ok: false, reason: `expected ${at === '' ? 'the frame' : `\`${at}\``} to be ${expected}, got: ${shown(got)}` }
}

/** A reader of what a test accepts as it is. */
export function matching<Value>(expected: string, test: (value: unknown) => value is Value): Reader<Value> {
  return (value, at) => (test(value) ? accepted(value) : refused(at, expected, value))
}

export const flag: Reader<boolean> = matching('true or false', (value): value is boolean => typeof value === 'boolean')

/** What no store takes in its texts. */
const nul = '\u0000'

/** A text of so many characters. */
export function text(least: number, most: number): Reader<string> {
  const fits = (value: unknown): value is string =>
    typeof value === 'string' && value.length >= least && value.length <= most && !value.includes(nul)
  return matching(`a text of ${least} to ${most} characters without NUL`, fits)
}

/** A text for people: what is too long is cut, for a long reason is better than none. */
export function prose(most: number): Reader<string> {
  return (value, at) => {
    if (typeof value !== 'string') return refused(at, 'a text', value)
    return accepted(cut(value.includes(nul) ? value.replaceAll(nul, '') : value, most))
  }
}

/** A text of at most so many characters, with how many there were: what was cut by one side is not cut again by the other. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const rest = `... (${text.length} characters)`
  return text.slice(0, most - rest.length) + rest
}

export function wholeNumber(least: number, most: number): Reader<number> {
  const fits = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most
  return matching(`a whole number from ${least} to ${most}`, fits)
}

/** A time as ISO 8601 writes it. It stays a text. */
export const instant: Reader<string> = matching(
  'a time in ISO 8601, in UTC or with an offset',
  (value): value is string =>
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
)

export function oneOf<const Word extends string>(words: readonly Word[]): Reader<Word> {
  return matching(words.join(' | '), (value): value is Word => words.some((word) => word === value))
}

/** What may be missing. Null counts as missing: languages without `undefined` write it. */
export function optional<Value>(read: Reader<Value>): Reader<Value | undefined> {
  return (value, at) => (value === undefined || value === null ? accepted(undefined) : read(value, at))
}

/** What may be null, and is null when it is missing. */
export function nullable<Value>(read: Reader<Value>): Reader<Value | null> {
  return (value, at) => (value === undefined || value === null ? accepted(null) : read(value, at))
}

export function list<Value>(read: Reader<Value>, most: number): Reader<readonly Value[]> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > most) return refused(at, `a list of at most ${most}`, value)
    const items: Value[] = []
    for (const [index, item] of value.entries()) {
      const decoded = read(item, `${at}[${index}]`)
      if (!decoded.ok) return decoded
      items.push(decoded.frame)
    }
    return accepted(items)
  }
}

/** An object with these fields. Others are left out: who speaks a newer protocol may send them. */
export function record<Fields extends Readonly<Record<string, Reader<unknown>>>>(fields: Fields): Reader<RecordOf<Fields>> {
  const entries = Object.entries(fields)
  return (value, at) => {
    if (!isPlainObject(value)) return refused(at, 'an object', value)
    const frame: Record<string, unknown> = {}
    for (const [name, read] of entries) {
      const decoded = read(Object.hasOwn(value, name) ? value[name] : undefined, at === '' ? name : `${at}.${name}`)
      if (!decoded.ok) return decoded
      if (decoded.frame !== undefined) frame[name] = decoded.frame
    }
    return accepted(frame as RecordOf<Fields>)
  }
}

/** An object as JSON makes them: no class, no list, no bytes. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
