/** How a request becomes a message: the definition's policy and the sender's options, checked and put together. */
import type { AnyTask } from './definition.ts'
import { type Duration, durationMs } from './duration.ts'
import { ConfigError, TaskError } from './errors.ts'
import { instantMs, looksLikeInstant } from './instant.ts'
import type { TaskMessage } from './message.ts'
import { checkId, checkKey, checkName } from './names.ts'
import { checkSendOptions, type SendOptions } from './send-options.ts'
import { shown } from './shown.ts'
import { priorityNames, priorityNumber } from './task.ts'

/**
 * Makes the message for one request. Definition may be the bare name where the code of the task is elsewhere. The
 * definition's `key` is asked when the sender names none and there is an input to make it from. The input itself is not
 * validated here: that takes a promise.
 * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID, NAME_INVALID
 * @throws {TaskError} INPUT_INVALID when the definition's `key` throws for this input
 */
export function taskMessage(
  definition: AnyTask | string,
  input: unknown,
  options: SendOptions | undefined,
  context: { readonly now: number; readonly newId: () => string },
): TaskMessage {
  const known = typeof definition === 'string' ? undefined : definition
  const name = known?.name ?? checkName(definition as string, 'task')
  if (options !== undefined) checkSendOptions(options)
  const key = options?.key ?? (known === undefined ? undefined : keyOf(known, input))
  const isNew = options?.id === undefined
  const base = {
    id: isNew ? context.newId() : checkId(options.id),
    isNew,
    name,
    queue: options?.queue === undefined ? (known?.queue ?? 'default') : checkName(options.queue, 'queue'),
    priority: options?.priority === undefined ? (known?.priority ?? 4) : priorityOf(options.priority),
    input,
    lostLimit: known?.lostLimit,
    retryLimit: known?.retry.limit,
  }
  const keyed = key === undefined ? base : { ...base, key: checkKey(key), keyPolicy: options?.keyPolicy ?? ('existing' as const) }
  return options === undefined ? keyed : { ...keyed, ...limits(options), ...special(options, key, context.now) }
}

function keyOf(definition: AnyTask, input: unknown): string | undefined {
  if (definition.key === undefined || input === undefined) return undefined
  try {
    return definition.key(input as never)
  } catch (cause) {
    const message = `expected \`key\` of task ${definition.name} to give a text for this input, but it threw: ${shown(input)}`
    throw new TaskError('INPUT_INVALID', message, { cause, subject: definition.name })
  }
}

function special(options: SendOptions, key: string | undefined, now: number): Partial<TaskMessage> {
  const at = startOf(options, now)
  const deadline = options.deadline === undefined ? undefined : deadlineOf(options.deadline, now)
  if (at !== undefined && deadline !== undefined && deadline <= at) {
    const early = `${at - deadline} ms before it`
    throw new ConfigError('OPTION_INVALID', `expected \`deadline\` to be after the time the task may start, got: ${early}`)
  }
  if (key === undefined && (options.keyFor ?? options.keyPolicy) !== undefined) {
    throw new ConfigError('OPTION_INVALID', 'expected `keyFor` and `keyPolicy` beside a `key`, got no key')
  }
  return {
    at,
    deadline,
    keyForMs: options.keyFor === undefined ? undefined : durationMs(options.keyFor, 'keyFor'),
    dependencies: options.dependencies,
    requires: options.requires,
    onDependencyFailure: options.onDependencyFailure,
    bind: options.bind,
    args: options.args,
    kwargs: options.kwargs,
    headers: options.headers,
    parent: options.parent,
    flow: options.flow,
  }
}

function limits(options: SendOptions): Partial<TaskMessage> {
  return {
    ...(options.retryLimit === undefined ? {} : { retryLimit: wholeNumber(options.retryLimit, 'retryLimit') }),
    ...(options.lostLimit === undefined ? {} : { lostLimit: wholeNumber(options.lostLimit, 'lostLimit') }),
    ...(options.timeout === undefined ? {} : { timeoutMs: timeLimit(options.timeout) }),
  }
}

function startOf({ delay, at }: SendOptions, now: number): number | undefined {
  if (delay !== undefined && at !== undefined)
    throw new ConfigError('OPTION_INVALID', 'expected either `delay` or `at`, got both')
  if (delay !== undefined) return now + durationMs(delay, 'delay')
  return at === undefined ? undefined : instantMs(at, 'at')
}

function deadlineOf(value: Duration | Date, now: number): number {
  const instant = typeof value === 'object' || (typeof value === 'string' && looksLikeInstant(value))
  return instant ? instantMs(value, 'deadline') : now + durationMs(value, 'deadline')
}

function wholeNumber(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw unexpected(what, 'a whole number from 0', value)
}

function timeLimit(value: Duration): number {
  const ms = durationMs(value, 'timeout')
  if (ms > 0) return ms
  throw unexpected('timeout', 'longer than 0; leave it out for no limit', value)
}

function priorityOf(name: string): number {
  const number = priorityNumber(name)
  if (number !== undefined) return number
  throw unexpected('priority', `one of ${priorityNames.join(', ')}`, name)
}

function unexpected(option: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${expected}, got: ${shown(value)}`)
}
