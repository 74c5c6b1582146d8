/** What a sender may say about one task. */
import type { Duration } from './duration.ts'
import { ConfigError } from './errors.ts'
import { checkId } from './names.ts'
import { checkOptionNames, type OptionNames } from './option-names.ts'
import { shown } from './shown.ts'
import type { Bind, KeyPolicy, OnDependencyFailure, PriorityName, Requires } from './task.ts'

export interface SendOptions {
  /** Chosen by the caller it makes sending idempotent: the same id with the same content is one task. */
  readonly id?: string | undefined
  /** Default: the definition's, else `default`. */
  readonly queue?: string | undefined
  /** Not before this much time has passed. Either this or `at`. */
  readonly delay?: Duration | undefined
  /** Not before this time: a Date, epoch milliseconds or an ISO text with its zone. */
  readonly at?: Date | number | string | undefined
  /** Pointless after this: a duration from now, a Date or an ISO text with its zone. Later than `delay` or `at`. */
  readonly deadline?: Duration | Date | undefined
  /** Default: the definition's, else `medium`. */
  readonly priority?: PriorityName | undefined
  /** At most one unresolved task of this name with this key. */
  readonly key?: string | undefined
  /** What happens when the key is taken. Default `existing`. Only with a key, as `keyFor`. */
  readonly keyPolicy?: KeyPolicy | undefined
  /** The key stays taken this long, resolved or not. Default: until the task is resolved. */
  readonly keyFor?: Duration | undefined
  /** Ids of tasks that come first, each once. */
  readonly dependencies?: readonly string[] | undefined
  readonly requires?: Requires | undefined
  readonly onDependencyFailure?: OnDependencyFailure | undefined
  /** Build the input from results of the dependencies: the first one's, all in order, or the first so many. Only with dependencies. */
  readonly bind?: Bind | undefined
  /** Retries allowed, over the definition's. */
  readonly retryLimit?: number | undefined
  readonly lostLimit?: number | undefined
  /** Time limit of a run, over the definition's. */
  readonly timeout?: Duration | undefined
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  readonly parent?: string | undefined
  readonly flow?: string | undefined
}

type Check = (value: unknown, option: string) => void

const list: Check = (value, option) => expected(Array.isArray(value), option, 'a list', value)
const record: Check = (value, option) => expected(isRecord(value), option, 'an object', value)
const text: Check = (value, option) => expected(typeof value === 'string' && value !== '', option, 'a text', value)
const oneOf =
  (...words: readonly string[]): Check =>
  (value, option) =>
    expected(words.includes(value as string), option, `one of ${words.join(', ')}`, value)
/** Checked where its value is read. */
const elsewhere: Check = () => {}

/** Every option there is, with the check of its shape: the compiler sees to it that none is missing. */
const checks: Readonly<Record<keyof SendOptions, Check>> = {
  id: elsewhere,
  queue: elsewhere,
  delay: elsewhere,
  at: elsewhere,
  deadline: elsewhere,
  priority: elsewhere,
  key: elsewhere,
  keyPolicy: oneOf('existing', 'reject', 'replace'),
  keyFor: elsewhere,
  dependencies: dependencyList,
  requires: oneOf('all-completed', 'all-resolved'),
  onDependencyFailure: oneOf('resolve', 'wait'),
  bind: bindable,
  retryLimit: elsewhere,
  lostLimit: elsewhere,
  timeout: elsewhere,
  args: list,
  kwargs: record,
  headers: record,
  parent: text,
  flow: text,
}

/** Every option of `send`, for those that take some of them. */
export const sendOptionNames: OptionNames<SendOptions> = checks

/**
 * Checks names and shapes of options: what a compiler would have said to those who have none.
 * @throws {ConfigError} OPTION_INVALID; NAME_INVALID for the id of a dependency
 */
export function checkSendOptions(options: SendOptions): void {
  checkOptionNames(options, checks, 'send')
  for (const [option, value] of Object.entries(options)) {
    if (value !== undefined) checks[option as keyof SendOptions](value, option)
  }
  const { bind, dependencies = [] } = options
  if (bind !== undefined && dependencies.length === 0) {
    throw new ConfigError('OPTION_INVALID', 'expected `bind` beside `dependencies`, got no dependencies')
  }
  if (typeof bind === 'object' && bind.first > dependencies.length) {
    const all = `at most ${dependencies.length}, as many as there are \`dependencies\``
    throw new ConfigError('OPTION_INVALID', `expected \`bind.first\` to be ${all}, got: ${bind.first}`)
  }
}

function bindable(value: unknown, option: string): void {
  if (value === 'one' || value === 'all') return
  expected(isRecord(value), option, 'one, all or { first: 2 }', value)
  checkOptionNames(value as object, { first: true }, '`bind`')
  const { first } = value as { readonly first?: unknown }
  expected(Number.isSafeInteger(first) && Number(first) > 0, 'bind.first', 'a positive whole number', first)
}

function dependencyList(value: unknown, option: string): void {
  list(value, option)
  const ids = value as readonly string[]
  const seen = new Set<string>()
  for (const id of ids) {
    expected(!seen.has(checkId(id)), option, 'different ids', ids)
    seen.add(id)
  }
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function expected(holds: boolean, option: string, what: string, value: unknown): void {
  if (!holds) throw new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${what}, got: ${shown(value)}`)
}
