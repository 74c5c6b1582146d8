/** Problems: how everything that goes wrong reaches an HTTP client, as `{ code, message, retryable }` with a fitting status. */
import { z } from '@hono/zod-openapi'
import { type ErrorCode, type Logger, LovageError } from '@lovage/core'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ZodError } from 'zod'
import { StaleError } from './auth/hawk.ts'

export const problemSchema = z
  .object({
    code: z.string().openapi({ example: 'TASK_UNKNOWN' }),
    message: z.string(),
    retryable: z.boolean().openapi({ description: 'Whether the same request may succeed later.' }),
  })
  .openapi('Problem')

const problem = (description: string) => ({ description, content: { 'application/json': { schema: problemSchema } } })

/** The problems that any address may answer with. */
export const problems = {
  400: problem('The request, an option or an input is not accepted.'),
  401: problem('Nobody said who calls, or not so that it can be believed.'),
  403: problem('The caller may not do this, or the request came from another site or under a foreign host name.'),
  404: problem('There is nothing of this name.'),
  409: problem('It stands against something that is there, or is not in a state for this.'),
  413: problem('The request is too large.'),
  501: problem('The broker cannot do this.'),
  503: problem('The store cannot be reached; try again.'),
} as const

const statusOf: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  AUTHENTICATION_FAILED: 401,
  SCOPES_INSUFFICIENT: 403,
  REQUEST_REFUSED: 403,
  TASK_UNKNOWN: 404,
  SCHEDULE_UNKNOWN: 404,
  ADDRESS_UNKNOWN: 404,
  TASK_CONFLICT: 409,
  KEY_CONFLICT: 409,
  TRANSITION_REFUSED: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED: 501,
  STORE_UNAVAILABLE: 503,
  STORE_BUSY: 503,
  STORE_CLOSED: 503,
  STORE_FULL: 507,
  DEPENDENCY_UNKNOWN: 400,
  INPUT_INVALID: 400,
  INPUT_UNSERIALIZABLE: 400,
  REQUEST_INVALID: 400,
}

/** Answers an error. What is nobody's fault but ours is logged, and told without its details. */
export function answerProblem(context: Context, error: unknown, logger: Logger): Response {
  if (LovageError.is(error)) {
    const status = statusOf[error.code] ?? (error.name === 'ConfigError' ? 400 : 500)
    if (status === 500) logger.error({ error, path: context.req.path }, 'a request failed')
    if (status === 401) challenge(context, error)
    return context.json({ code: error.code, message: error.rawMessage, retryable: error.retryable }, status)
  }
  if (error instanceof HTTPException) {
    return context.json({ code: 'REQUEST_INVALID', message: refusal(context, error), retryable: false }, error.status)
  }
  logger.error({ error, path: context.req.path }, 'a request failed')
  return context.json({ code: 'BUG', message: 'something went wrong in the server; its log says what', retryable: false }, 500)
}

/** What a caller may show instead. @see https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1 */
export function challenge(context: Context, error: unknown): void {
  context.header('www-authenticate', 'Bearer realm="lovage"')
  context.header('www-authenticate', error instanceof StaleError ? error.challenge : 'Hawk', { append: true })
}

/** What the router refuses before a schema sees it, in our words. */
function refusal({ req }: Context, { status, message }: HTTPException): string {
  if (status === 400 && message.includes('JSON')) {
    return `expected the body of ${req.method} ${req.path} to be JSON such as {"name":"greet"}, got text that is not; look at quotes and commas`
  }
  if (status === 415) {
    const got = req.header('content-type') ?? 'none'
    return `expected the body of ${req.method} ${req.path} as JSON, got the content type: ${got}; send the header content-type: application/json`
  }
  return message === '' ? `the request was refused with status ${status}` : message
}

/** Answers a method that an address does not take. */
export function answerWrongMethod(context: Context, allowed: readonly string[]): Response {
  const { method, path } = context.req
  const message = `expected ${allowed.join(' or ')} for ${path}, got: ${method}; /openapi.json describes every address`
  return context.json({ code: 'REQUEST_INVALID', message, retryable: false }, 405, { allow: allowed.join(', ') })
}

/** One line for all that a schema found. */
export function issuesLine(error: ZodError): string {
  const issues = error.issues.map(({ path, message }) => (path.length === 0 ? message : `\`${path.join('.')}\`: ${message}`))
  return `expected a request that its address takes, got: ${issues.join('; ')}`
}
