/** Values of options: each function reads one kind and refuses the rest in one line. */
import { ConfigError, durationMs, nearest, type PriorityName, priorityNames, type TaskState, taskStates } from '@lovage/core'
import { parseJson } from './json-input.ts'

/** Reads the text after an option. @throws {ConfigError} OPTION_INVALID, DURATION_INVALID */
export type ReadValue<Value = unknown> = (text: string, before?: unknown) => Value

/** A whole number within limits. */
export function wholeNumber(flag: string, least: number, most = Number.MAX_SAFE_INTEGER): ReadValue<number> {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
    throw new ConfigError(
      'OPTION_INVALID',
      `expected ${flag} to be a whole number ${range}, got: ${text === '' ? 'nothing' : text}`,
    )
  }
}

/** A duration, as milliseconds. A bare number is refused: on a command line nobody sees its unit. */
export function duration(flag: string): ReadValue<number> {
  return (text) => {
    if (/^\d+(\.\d+)?$/.test(text.trim()) && Number(text) !== 0) {
      throw new ConfigError(
        'DURATION_INVALID',
        `expected ${flag} to have a unit, got: ${text}; write "${text}s", "${text}ms" or "${text} minutes"`,
      )
    }
    try {
      return durationMs(text.trim() === '0' ? 0 : text, flag)
    } catch (cause) {
      throw new ConfigError(
        'DURATION_INVALID',
        `expected ${flag} to be a duration such as "500ms", "10s", "2m", "7 days" or "1 hour 30 minutes", got: ${text === '' ? 'nothing' : JSON.stringify(text)}`,
        { cause },
      )
    }
  }
}

/** Names separated by commas; the option may be repeated. */
export function nameList(flag: string): ReadValue<readonly string[]> {
  return (text, before) => {
    const names = text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    if (names.length === 0)
      throw new ConfigError('OPTION_INVALID', `expected ${flag} to be names separated by commas, got: ${JSON.stringify(text)}`)
    return [...(Array.isArray(before) ? before : []), ...names]
  }
}

/** One of a few words. */
export function oneOf<Word extends string>(flag: string, words: readonly Word[]): ReadValue<Word> {
  return (text) => word(flag, words, text)
}

/** Several of a few words, separated by commas; the option may be repeated. */
export function someOf<Word extends string>(flag: string, words: readonly Word[]): ReadValue<readonly Word[]> {
  const list = nameList(flag)
  return (text, before) => [...(Array.isArray(before) ? before : []), ...list(text).map((name) => word(flag, words, name))]
}

function word<Word extends string>(flag: string, words: readonly Word[], text: string): Word {
  if ((words as readonly string[]).includes(text)) return text as Word
  const close = nearest(text, words)
  throw new ConfigError(
    'OPTION_INVALID',
    `expected ${flag} to be one of ${words.join(', ')}, got: ${JSON.stringify(text)}${close === undefined ? '' : `; did you mean ${close}?`}`,
  )
}

/** A JSON value. */
export function json(flag: string): ReadValue {
  return (text) => parseJson(text, flag)
}

/** A JSON array. */
export function jsonArray(flag: string): ReadValue<readonly unknown[]> {
  return (text) => {
    const value = parseJson(text, flag)
    if (Array.isArray(value)) return value
    throw new ConfigError('OPTION_INVALID', `expected ${flag} to be a JSON array such as '[1,"two"]', got: ${text}`)
  }
}

/** A JSON object. */
export function jsonObject(flag: string): ReadValue<Readonly<Record<string, unknown>>> {
  return (text) => {
    const value = parseJson(text, flag)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
    throw new ConfigError('OPTION_INVALID', `expected ${flag} to be a JSON object such as '{"year":2027}', got: ${text}`)
  }
}

/** A time: an ISO text, as epoch milliseconds. */
export function isoTime(flag: string): ReadValue<number> {
  return (text) => {
    const time = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text) ? Date.parse(text) : Number.NaN
    if (Number.isFinite(time)) return time
    throw new ConfigError(
      'OPTION_INVALID',
      `expected ${flag} to be an ISO time such as "2027-01-31T09:00:00Z", got: ${JSON.stringify(text)}; for a length of time use --in`,
    )
  }
}

/** `name=value`, as one object of all that came; a value that is no JSON is a text. */
export function assignments(flag: string): ReadValue<Readonly<Record<string, unknown>>> {
  return (text, before) => {
    const [, name, value] = /^([a-z]\w*)=(.*)$/is.exec(text) ?? []
    if (name === undefined || value === undefined) {
      throw new ConfigError('OPTION_INVALID', `expected ${flag} to be NAME=VALUE, got: ${JSON.stringify(text)}`)
    }
    return { ...(before as object | undefined), [name]: jsonOrText(value) }
  }
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

/** A text as it is, once. */
export function text(flag: string): ReadValue<string> {
  return (value) => {
    if (value !== '') return value
    throw new ConfigError('OPTION_INVALID', `expected a value after ${flag}, got: an empty text`)
  }
}

export const priority: ReadValue<PriorityName> = oneOf('--priority', priorityNames)
export const states: ReadValue<readonly TaskState[]> = someOf('--state', taskStates)
