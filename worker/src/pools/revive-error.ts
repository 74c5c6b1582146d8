/** The way back from a failure to an error, on the other side of a thread or process. */
import {
  BugError,
  ConfigError,
  type ErrorCode,
  errorCatalogue,
  type Failure,
  LovageError,
  type LovageErrorOptions,
  ProtocolError,
  StoreError,
  TaskError,
} from '@lovage/core'
import { HardTimeout, RunStopped, SoftTimeout } from '../stop-errors.ts'

type CodedError = new (code: ErrorCode, message: string, options: LovageErrorOptions) => LovageError

const codedErrors: Readonly<Record<string, CodedError>> = {
  BugError,
  ConfigError,
  HardTimeout,
  ProtocolError,
  RunStopped,
  SoftTimeout,
  StoreError,
  TaskError,
}

/**
 * Makes an error with the failure's name, message, code, stack and causes. Lovage's own come back as what they were, so
 * that a handler can ask `LovageError.is(reason, 'TIMEOUT')` in every pool.
 */
export function reviveError(failure: Failure): Error {
  const cause = failure.cause === undefined ? {} : { cause: reviveError(failure.cause) }
  const error = codedError(failure, cause) ?? plainError(failure, cause)
  if (failure.stack !== undefined) error.stack = failure.stack
  return error
}

function codedError({ name, message, code }: Failure, cause: { cause?: Error }): LovageError | undefined {
  const words =
    code !== undefined && Object.hasOwn(errorCatalogue, code) ? `[${code.toLowerCase().replaceAll('_', ' ')}] ` : undefined
  if (words === undefined || !message.startsWith(words)) return undefined
  const Coded = Object.hasOwn(codedErrors, name) ? codedErrors[name] : undefined
  const error = new (Coded ?? LovageError)(code as ErrorCode, message.slice(words.length), cause)
  error.name = name
  return error
}

function plainError({ name, message, code }: Failure, cause: { cause?: Error }): Error {
  const error = new Error(message, cause)
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  return code === undefined ? error : Object.assign(error, { code })
}
