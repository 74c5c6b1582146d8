/** Errors: one base, a class per audience, and a code for everything that can go wrong. */
import { type ErrorCode, errorCatalogue } from './error-codes.ts'
import { shown } from './shown.ts'
import type { Failure } from './task.ts'

export interface LovageErrorOptions {
  readonly cause?: unknown
  /** Over the catalogue's word on whether trying again may help. */
  readonly retryable?: boolean
  /** The thing that it is about: a task's id, a file, a queue. */
  readonly subject?: string
}

const brand = Symbol.for('lovage.error')

/**
 * The base of every error that Lovage throws. The message begins with the code in words, because many tools show only
 * the message: `[task conflict] expected ...`.
 */
export class LovageError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly subject: string | undefined
  /** The message without the code. */
  readonly rawMessage: string

  constructor(code: ErrorCode, message: string, options: LovageErrorOptions = {}) {
    super(`[${code.toLowerCase().replaceAll('_', ' ')}] ${message}`, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = new.target.name
    this.code = code
    this.rawMessage = message
    this.retryable = options.retryable ?? errorCatalogue[code].retryable
    this.subject = options.subject
    Object.defineProperty(this, brand, { value: true })
  }

  /** Tells a Lovage error by brand, so that two copies of a package agree; with a code, only that one. */
  static is(value: unknown, code?: ErrorCode): value is LovageError {
    return (
      typeof value === 'object' &&
      value !== null &&
      (value as Record<symbol, unknown>)[brand] === true &&
      (code === undefined || (value as LovageError).code === code)
    )
  }
}

/** You asked for something that cannot be: an option, a name, an interval. */
export class ConfigError extends LovageError {}
/** The task: refused, unknown, failed, not in time. */
export class TaskError extends LovageError {
  /** What the handler threw, when it is about a failed run. */
  readonly failure: Failure | undefined
  constructor(code: ErrorCode, message: string, options: LovageErrorOptions & { readonly failure?: Failure } = {}) {
    super(code, message, options)
    this.failure = options.failure
  }
}
/** The place where tasks are kept. */
export class StoreError extends LovageError {}
/** The other side of a wire. */
export class ProtocolError extends LovageError {}
/** Us. */
export class BugError extends LovageError {}

/**
 * Turns anything thrown into plain data: errors keep name, message, code, stack and causes (five deep, each once); others
 * become text. Never throws, whatever was thrown.
 */
export function failureFrom(thrown: unknown): Failure {
  return failureOf(thrown, [])
}

function failureOf(thrown: unknown, seen: readonly unknown[]): Failure {
  if (typeof thrown !== 'object' || thrown === null) return { name: 'Error', message: String(thrown) }
  const [name, message, code, stack] = ['name', 'message', 'code', 'stack'].map((field) => textOf(thrown, field))
  const cause = read(thrown, 'cause')
  const path = [...seen, thrown]
  return {
    name: name === undefined || name === '' ? 'Error' : name,
    message: message ?? shown(thrown, 2000),
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined || cause === null || path.length > 4 || path.includes(cause)
      ? {}
      : { cause: failureOf(cause, path) }),
  }
}

function textOf(thrown: object, field: string): string | undefined {
  const value = read(thrown, field)
  return typeof value === 'string' ? value : undefined
}

/** A thrown thing may have getters of its own that throw. */
function read(thrown: object, field: string): unknown {
  try {
    return (thrown as Record<string, unknown>)[field]
  } catch {
    return undefined
  }
}
