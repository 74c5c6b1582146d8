/** How a request becomes a message: the definition's policy and the sender's options, checked and put together. */
import type { AnyTask } from './definition.ts'
import { type Duration, durationMs } from './duration.ts'
import { ConfigError } from './errors.ts'
import type { TaskMessage } from './message.ts'
import { checkId, checkKey, checkName } from './names.ts'
import type { SendOptions } from './send-options.ts'
import { type KeyPolicy, priorityNames, priorityNumber } from './task.ts'

/**
 * Makes the message for one request. Definition may be the bare name where the code of the task is elsewhere.
 * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID, NAME_INVALID
 */
export function taskMessage(
  definition: AnyTask | string,
  input: unknown,
  options: SendOptions | undefined,
  context: { readonly now: number; readonly newId: () => string },
): TaskMessage {
  const known = typeof definition === 'string' ? undefined : definition
  const name = known?.name ?? checkName(definition as string, 'task')
  const base = {
    id: options?.id === undefined ? context.newId() : checkId(options.id),
    name,
    queue: options?.queue === undefined ? (known?.queue ?? 'default') : checkName(options.queue, 'queue'),
    priority: options?.priority === undefined ? (known?.priority ?? 4) : priorityOf(options.priority),
    input,
    lostLimit: known?.lostLimit,
    retryLimit: known?.retry.limit,
  }
  return options === undefined ? base : { ...base, ...special(options, context.now) }
}

function special(options: SendOptions, now: number): Partial<TaskMessage> {
  if (options.delay !== undefined && options.at !== undefined) {
    throw new ConfigError('OPTION_INVALID', 'expected either `delay` or `at`, got both')
  }
  const limits: Partial<{ retryLimit: number; lostLimit: number; timeoutMs: number }> = {}
  if (options.retryLimit !== undefined) limits.retryLimit = wholeNumber(options.retryLimit, 'retryLimit')
  if (options.lostLimit !== undefined) limits.lostLimit = wholeNumber(options.lostLimit, 'lostLimit')
  if (options.timeout !== undefined) limits.timeoutMs = durationMs(options.timeout, 'timeout')
  return {
    ...limits,
    at: options.delay === undefined ? pointInTime(options.at, 'at') : now + durationMs(options.delay, 'delay'),
    deadline: deadlineOf(options.deadline, now),
    key: options.key === undefined ? undefined : checkKey(options.key),
    keyPolicy: options.key === undefined ? undefined : keyPolicyOf(options.keyPolicy),
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

function keyPolicyOf(policy: KeyPolicy | undefined): KeyPolicy {
  if (policy === undefined) return 'existing'
  if (policy !== 'existing' && policy !== 'reject' && policy !== 'replace') {
    throw new ConfigError('OPTION_INVALID', `expected \`keyPolicy\` to be existing, reject or replace, got: ${String(policy)}`)
  }
  return policy
}

function deadlineOf(value: Duration | Date | undefined, now: number): number | undefined {
  if (value === undefined) return undefined
  if (value instanceof Date || (typeof value === 'string' && /^\d{4}-/.test(value))) return pointInTime(value, 'deadline')
  return now + durationMs(value, 'deadline')
}

function pointInTime(value: Date | number | string | undefined, what: string): number | undefined {
  if (value === undefined) return undefined
  const time = typeof value === 'string' ? (/^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN) : Number(value)
  if (!Number.isFinite(time)) {
    throw new ConfigError(
      'OPTION_INVALID',
      `expected \`${what}\` to be a Date, epoch milliseconds or an ISO time such as "2027-01-31T09:00:00Z", got: ${String(value)}`,
    )
  }
  return time
}

function wholeNumber(value: number, what: string): number {
  if (Number.isInteger(value) && value >= 0) return value
  throw new ConfigError('OPTION_INVALID', `expected \`${what}\` to be a whole number from 0, got: ${String(value)}`)
}

function priorityOf(name: string): number {
  const number = priorityNumber(name)
  if (number !== undefined) return number
  throw new ConfigError('OPTION_INVALID', `expected \`priority\` to be one of ${priorityNames.join(', ')}, got: ${String(name)}`)
}
