/** Arguments of remote control commands: the method's own words in order, key=value pairs, or one JSON object. */
import { ConfigError, durationMs } from '@lovage/core'
import { parseJson } from './json-input.ts'

/** Named arguments, as they travel. */
export type ControlArguments = Readonly<Record<string, unknown>>

interface Shorthand {
  /** As it is written after the method, for messages. */
  readonly usage: string
  read(words: readonly string[]): ControlArguments | undefined
}

const nothing: Shorthand = { usage: '', read: (words) => (words.length === 0 ? {} : undefined) }

const taskIds: Shorthand = {
  usage: 'ID...',
  read: (words) => (words.length === 0 ? undefined : { task_id: words.length === 1 ? words[0] : words }),
}

const count: Shorthand = {
  usage: '[N]',
  read: (words) => (words.length > 1 ? undefined : { n: words[0] === undefined ? 1 : wholeNumber('N', words[0]) }),
}

const oneQueue: Shorthand = {
  usage: 'QUEUE',
  read: ([queue, ...rest]) => (queue === undefined || rest.length > 0 ? undefined : { queue }),
}

/** The methods that have words of their own; any other method takes pairs or an object. */
const shorthands: Readonly<Record<string, Shorthand>> = {
  query_task: { usage: 'ID...', read: (words) => (words.length === 0 ? undefined : { ids: words }) },
  registered: { usage: '[ITEM...]', read: (words) => (words.length === 0 ? {} : { taskinfoitems: words }) },
  revoke: taskIds,
  terminate: {
    usage: '[SIGNAL] ID...',
    read(words) {
      const [first = '', ...rest] = words
      const named = /^(?:SIG)?(?:TERM|KILL|INT|QUIT|HUP|USR1|USR2)$/.test(first)
      const ids = taskIds.read(named ? rest : words)
      return ids === undefined || !named ? ids : { ...ids, signal: first }
    },
  },
  rate_limit: {
    usage: 'NAME RATE (as in 10/m; 0 for none)',
    read: ([name, rate, ...rest]) =>
      name === undefined || rate === undefined || rest.length > 0
        ? undefined
        : { task_name: name, rate_limit: rate === '0' ? null : rate },
  },
  time_limit: {
    usage: 'NAME HARD [SOFT] (as in 30s 10s)',
    read([name, hard, soft, ...rest]) {
      if (name === undefined || hard === undefined || rest.length > 0) return undefined
      return { task_name: name, hard: seconds('HARD', hard), ...(soft === undefined ? {} : { soft: seconds('SOFT', soft) }) }
    },
  },
  add_consumer: oneQueue,
  cancel_consumer: oneQueue,
  pool_grow: count,
  pool_shrink: count,
  autoscale: {
    usage: 'MAX [MIN]',
    read: ([max, min, ...rest]) =>
      max === undefined || rest.length > 0
        ? undefined
        : { max: wholeNumber('MAX', max), ...(min === undefined ? {} : { min: wholeNumber('MIN', min) }) },
  },
}

/** Methods that take no words at all. */
const bare: ReadonlySet<string> = new Set([
  ...['ping', 'stats', 'active', 'reserved', 'scheduled', 'revoked', 'report', 'active_queues', 'clock', 'conf', 'hello'],
  ...['enable_events', 'disable_events', 'heartbeat', 'shutdown', 'pause', 'resume'],
])

/**
 * Reads the words after a method.
 * @throws {ConfigError} OPTION_INVALID when they do not fit the method
 */
export function controlArguments(verb: 'inspect' | 'control', method: string, words: readonly string[]): ControlArguments {
  const [first = ''] = words
  if (words.length === 1 && first.trimStart().startsWith('{')) return parseJson(first, 'the arguments') as ControlArguments
  const pairs = pairsIn(words)
  if (pairs !== undefined) return pairs
  const shorthand = shorthands[method] ?? (bare.has(method) ? nothing : undefined)
  const read = shorthand?.read(words)
  if (read !== undefined) return read
  const usage = shorthand === undefined ? 'key=value pairs or one JSON object' : shorthand.usage || 'nothing'
  throw new ConfigError(
    'OPTION_INVALID',
    `expected ${usage} after \`lovage ${verb} ${method}\`, got: ${words.join(' ') || 'nothing'}; see \`lovage ${verb} --help\``,
  )
}

/** All of the words as key=value; undefined when one is not. Values are JSON where they are JSON, else texts. */
function pairsIn(words: readonly string[]): ControlArguments | undefined {
  if (words.length === 0) return undefined
  const entries = words.map((word) => /^([a-z][a-z0-9_]*)=(.*)$/is.exec(word))
  if (entries.some((entry) => entry === null)) return undefined
  return Object.fromEntries(entries.map((entry) => [entry?.[1] ?? '', readValue(entry?.[2] ?? '')]))
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function wholeNumber(what: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new ConfigError('OPTION_INVALID', `expected ${what} to be a whole number, got: ${text}`)
}

/** Celery counts limits in seconds; a bare number is one of those. */
function seconds(what: string, text: string): number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : durationMs(text, what) / 1000
}
