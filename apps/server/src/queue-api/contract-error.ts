/** Errors as the contract of the HTTP queue words them: a code with its status, whoever threw it. */
import { type ErrorCode, LovageError, type LovageErrorOptions } from '@lovage/core'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** Every code of the contract that this server answers with, its status, and the code of ours that it stands for. */
const codes = {
  MalformedPayload: [400, 'REQUEST_INVALID'],
  InvalidRequestArguments: [400, 'REQUEST_INVALID'],
  InputValidationError: [400, 'REQUEST_INVALID'],
  InputError: [400, 'REQUEST_INVALID'],
  AuthenticationFailed: [401, 'REQUEST_REFUSED'],
  InsufficientScopes: [403, 'REQUEST_REFUSED'],
  ResourceNotFound: [404, 'TASK_UNKNOWN'],
  RequestConflict: [409, 'TRANSITION_REFUSED'],
  ResourceExpired: [410, 'TRANSITION_REFUSED'],
  InputTooLarge: [413, 'PAYLOAD_TOO_LARGE'],
  ArtifactError: [424, 'TASK_FAILED'],
  InternalServerError: [500, 'BUG'],
} as const satisfies Record<string, readonly [ContentfulStatusCode, ErrorCode]>

export type ContractCode = keyof typeof codes

/** A refusal in the contract's own words. */
export class ContractError extends LovageError {
  readonly contractCode: ContractCode

  constructor(code: ContractCode, message: string, options: LovageErrorOptions = {}) {
    super(codes[code][1], message, options)
    this.contractCode = code
  }
}

/** How an error is told: its code, the status, and what may be said of it. */
export interface ContractAnswer {
  readonly code: ContractCode
  readonly status: ContentfulStatusCode
  readonly message: string
}

/** What errors of the rooms below mean to callers of the contract. Whatever is not here is nobody's fault but ours. */
const meanings: Readonly<Record<string, ContractCode>> = {
  AUTHENTICATION_FAILED: 'AuthenticationFailed',
  SCOPES_INSUFFICIENT: 'InsufficientScopes',
  REQUEST_REFUSED: 'InsufficientScopes',
  TASK_UNKNOWN: 'ResourceNotFound',
  ADDRESS_UNKNOWN: 'ResourceNotFound',
  TASK_CONFLICT: 'RequestConflict',
  KEY_CONFLICT: 'RequestConflict',
  TRANSITION_REFUSED: 'RequestConflict',
  PAYLOAD_TOO_LARGE: 'InputTooLarge',
  DEPENDENCY_UNKNOWN: 'InputError',
  OPTION_INVALID: 'InputError',
  NAME_INVALID: 'InputError',
  INPUT_UNSERIALIZABLE: 'InputError',
  REQUEST_INVALID: 'InputValidationError',
}

/** A store that cannot be reached is 503, so that clients try again, as they do for all of 5xx. */
export function contractAnswer(error: unknown): ContractAnswer {
  if (error instanceof ContractError) return answer(error.contractCode, error.rawMessage)
  if (!LovageError.is(error)) return answer('InternalServerError', 'something went wrong in the server; its log says what')
  const code = meanings[error.code]
  if (code !== undefined) return answer(code, error.rawMessage)
  return { ...answer('InternalServerError', error.rawMessage), status: error.retryable ? 503 : 500 }
}

function answer(code: ContractCode, message: string): ContractAnswer {
  return { code, status: codes[code][0], message }
}
