/** Exceptions as Celery writes them, and failures as Lovage does. */
import type { Failure } from '@lovage/core'
import { isRecord } from './embed.ts'
import { exactText, revivePython } from './python-json.ts'
import { textLiteral } from './python-literal.ts'
import { pythonRepr } from './python-repr.ts'

/** An exception in a result record. */
export interface PythonException {
  /** The name of its class; nested classes have dots. */
  readonly exc_type: string
  /** What its constructor takes. */
  readonly exc_message: readonly unknown[]
  /**
   * Where Python looks for the class. Null makes up a class of that name. A name that is there and is no exception is taken for an
   * attack by the reader, so nothing but known pairs stands here.
   */
  readonly exc_module: string | null
}

/** A failure of a handler: its class is made up on the other side. */
export function exceptionFrom({ name, message }: Failure): PythonException {
  return { exc_type: name === '' ? 'Error' : name, exc_message: [message], exc_module: null }
}

/** Exceptions of Celery that a Python program may want to catch by their class. */
export const celeryExceptions = {
  notRegistered: (task: string) => celery('NotRegistered', task),
  /** @param reason `revoked`, `terminated`, `expired` */
  taskRevoked: (reason: string) => celery('TaskRevokedError', reason),
  maxRetriesExceeded: (message: string) => celery('MaxRetriesExceededError', message),
  chordFailed: (memberId: string, exception: PythonException) =>
    celery('ChordError', `Dependency ${memberId} raised ${exceptionRepr(exception)}`),
  rejected: (reason: string) => celery('Reject', reason),
  softTimeLimitExceeded: () => billiard('SoftTimeLimitExceeded'),
  timeLimitExceeded: (limitMs: number) => billiard('TimeLimitExceeded', limitMs / 1000),
  workerLost: (message: string) => billiard('WorkerLostError', message),
  terminated: (message: string) => billiard('Terminated', message),
} as const satisfies Record<string, (...args: never) => PythonException>

function celery(name: string, ...args: readonly unknown[]): PythonException {
  return { exc_type: name, exc_message: args, exc_module: 'celery.exceptions' }
}

function billiard(name: string, ...args: readonly unknown[]): PythonException {
  return { exc_type: name, exc_message: args, exc_module: 'billiard.exceptions' }
}

/** Reads the exception of a record; older versions have a text for the message. Undefined for what is none. */
export function readException(value: unknown): PythonException | undefined {
  if (!isRecord(value) || typeof value.exc_type !== 'string') return undefined
  const { exc_type, exc_message: message, exc_module: module } = value
  const list: readonly unknown[] = message === undefined || message === null ? [] : [message].flat()
  return { exc_type, exc_message: list, exc_module: typeof module === 'string' ? module : null }
}

/** What a record of a failed task says, in the words of Lovage. Never throws, whatever it holds. */
export function failureFromRecord(result: unknown, traceback?: string): Failure {
  const exception = readException(result)
  const stack = traceback === undefined ? {} : { stack: traceback }
  if (exception === undefined)
    return { name: 'Error', message: typeof result === 'string' ? result : pythonRepr(result), ...stack }
  return { name: exception.exc_type, message: messageOf(exception.exc_message), ...stack }
}

/** As Python's `str` of an exception. */
function messageOf(args: readonly unknown[]): string {
  const [only] = args
  if (args.length === 0) return ''
  if (args.length > 1) return argumentsText(args)
  return typeof only === 'string' ? only : literal(only)
}

/** Python's repr of an exception, which events and chords carry: `ValueError('boom', 42)`. */
export function exceptionRepr({ exc_type: name, exc_message: args }: PythonException): string {
  return `${name.slice(name.lastIndexOf('.') + 1)}${args.length === 1 ? `(${literal(args[0])})` : argumentsText(args)}`
}

function argumentsText(args: readonly unknown[]): string {
  return `(${args.map(literal).join(', ')})`
}

function literal(value: unknown): string {
  if (typeof value === 'string') return textLiteral(value)
  return exactText(value) ?? pythonRepr(revivePython(value))
}
