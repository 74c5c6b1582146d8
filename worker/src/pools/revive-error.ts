/** The way back from a failure to an error, on the other side of a thread or process. */
import {
  BugError,
  ConfigError,
  type ErrorCode,
  errorCatalogue,
  type Failure,
  type LovageError,
  type LovageErrorOptions,
  ProtocolError,
  StoreError,
  TaskError,
} from '@lovage/core'

type CodedError = new (code: ErrorCode, message: string, options: LovageErrorOptions) => LovageError

const codedErrors: Readonly<Record<string, CodedError>> = { BugError, ConfigError, ProtocolError, StoreError, TaskError }

/** Makes an error with the failure's name, message, code, stack and causes; Lovage's own come back as what they were. */
export function reviveError(failure: Failure): Error {
  const cause = failure.cause === undefined ? {} : { cause: reviveError(failure.cause) }
  const error = codedError(failure, cause) ?? plainError(failure, cause)
  if (failure.stack !== undefined) error.stack = failure.stack
  return error
}

function codedError({ name, message, code }: Failure, cause: { cause?: Error }): LovageError | undefined {
  const Coded = Object.hasOwn(codedErrors, name) ? codedErrors[name] : undefined
  if (Coded === undefined || code === undefined || !Object.hasOwn(errorCatalogue, code)) return undefined
  return new Coded(code as ErrorCode, message.replace(/^\[[^\]]*\] /, ''), cause)
}

function plainError({ name, message, code }: Failure, cause: { cause?: Error }): Error {
  const error = new Error(message, cause)
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  return code === undefined ? error : Object.assign(error, { code })
}
