/** A task of Lovage's as a request of Celery's. */
import { ConfigError, type TaskMessage } from '@lovage/core'
import type { TaskRequest } from '../wire/task-message.ts'
import type { HeldTask } from './held-tasks.ts'

/** How a Lovage worker is told that the one keyword object, or the one argument, is the input itself. */
export const inputHeader = 'lovage_input'
/** The sender's limit of retries, which Celery's messages have no place for. */
export const retriesHeader = 'lovage_retries'

/** Options of a task that Celery has no counterpart for, with what to do. */
const foreign: readonly (readonly [keyof TaskMessage, string])[] = [
  ['key', 'Celery has no unique tasks; leave out `key` (here or in the definition)'],
  ['keyForMs', 'Celery has no unique tasks; leave out `keyFor`'],
  ['dependencies', 'build a chain, group or chord of signatures'],
  ['requires', 'build a chain, group or chord of signatures'],
  ['onDependencyFailure', 'link an error callback'],
  ['bind', 'build a chain: each step gets the result of the one before it'],
  ['http', 'the HTTP queue stands on the broker `queue`'],
]

/** @throws {ConfigError} UNSUPPORTED for what Celery cannot express */
export function checkExpressible(message: TaskMessage): void {
  checkInput(message)
  for (const [option, advice] of foreign) {
    const value = message[option]
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue
    const what = option === 'keyForMs' ? 'keyFor' : option
    throw new ConfigError('UNSUPPORTED', `expected no \`${what}\` for a task of Celery, got it for ${message.name}: ${advice}`, {
      subject: message.id,
    })
  }
}

/** A message of Celery's has one place for what a task works on. */
function checkInput({ id, name, input, args, kwargs }: TaskMessage): void {
  if (input === undefined || input === null || (args ?? kwargs) === undefined) return
  const text = `expected either \`input\` or \`args\` and \`kwargs\` for a task of Celery, got both for ${name}; put the input among \`kwargs\``
  throw new ConfigError('UNSUPPORTED', text, { subject: id })
}

/** What a request needs beside the message. */
export interface Sending {
  readonly origin: string
  readonly replyTo: string
  readonly ignoreResult: boolean
  /** As the wire has it. */
  readonly priority: number | undefined
  /** The task whose handler sends, where it runs here. */
  readonly parent: HeldTask | undefined
}

/** A plain object becomes the keyword arguments, any other input the one argument. */
export function taskRequest(message: TaskMessage, { origin, replyTo, ignoreResult, priority, parent }: Sending): TaskRequest {
  const { id, parent: parentId } = message
  const { args, kwargs, header } = argumentsOf(message)
  return {
    id,
    task: message.name,
    args,
    kwargs,
    embed: {},
    rootId: parent === undefined ? (parentId ?? id) : (parent.request.rootId ?? parent.request.id),
    parentId,
    retries: 0,
    etaMs: message.at,
    expiresMs: message.deadline,
    hardLimitMs: message.timeoutMs,
    origin,
    ignoreResult: ignoreResult || undefined,
    headers: ownHeaders(message, header),
    replyTo,
    priority,
  }
}

function ownHeaders({ headers, retryLimit }: TaskMessage, input: string | undefined): Readonly<Record<string, unknown>> {
  return {
    ...headers,
    ...(input === undefined ? {} : { [inputHeader]: input }),
    ...(retryLimit === undefined ? {} : { [retriesHeader]: retryLimit }),
  }
}

function argumentsOf({ input, args, kwargs }: TaskMessage) {
  if (input === undefined || args !== undefined || kwargs !== undefined) return { args: args ?? [], kwargs: kwargs ?? {} }
  if (isPlainObject(input)) return { args: [], kwargs: input, header: 'kwargs' }
  return { args: [input], kwargs: {}, header: 'args' }
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
