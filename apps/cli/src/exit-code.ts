/** Exit codes, and which of them an error means. */
import { type ErrorCode, LovageError } from '@lovage/core'

/** 0 done; 1 the task or the command failed; 2 the call was wrong; 69 nobody or nothing answers (sysexits' EX_UNAVAILABLE). */
export const exitCodes = { done: 0, failed: 1, usage: 2, unreachable: 69 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const unreachable: ReadonlySet<ErrorCode> = new Set([
  'STORE_UNAVAILABLE',
  'STORE_BUSY',
  'STORE_CORRUPT',
  'STORE_CLOSED',
  'SCHEMA_NEWER',
  'SCHEMA_OLDER',
])

/** What a person mistyped, beside every ConfigError. */
const usage: ReadonlySet<ErrorCode> = new Set(['INPUT_INVALID', 'INPUT_UNSERIALIZABLE'])

/** Codes of ConfigErrors that are not about how the command was called. */
const refused: ReadonlySet<ErrorCode> = new Set(['UNSUPPORTED'])

/** Gives the exit code for whatever was thrown. */
export function exitCodeOf(thrown: unknown): ExitCode {
  if (!LovageError.is(thrown)) return exitCodes.failed
  if (unreachable.has(thrown.code)) return exitCodes.unreachable
  if (usage.has(thrown.code)) return exitCodes.usage
  return thrown.name === 'ConfigError' && !refused.has(thrown.code) ? exitCodes.usage : exitCodes.failed
}
