/** Endpoints of the contract as data: one declaration is the route, the check of what comes in, and the page of the document. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import type { Logger } from '@lovage/core'
import type { Context } from 'hono'
import type { ZodError, ZodType } from 'zod'
import { challenge } from '../problem.ts'
import { ContractError, contractAnswer } from './contract-error.ts'

/** One request, checked. */
export interface Call<Body = unknown, Query = unknown> {
  readonly context: Context
  /** Parts of the path; `taskQueueId` is there however its slash was written. */
  readonly params: Readonly<Record<string, string>>
  readonly body: Body
  readonly query: Query
}

export interface Endpoint<Body = unknown, Query = unknown> {
  /** As stock clients call it. */
  readonly name: string
  readonly method: 'get' | 'post' | 'put' | 'delete'
  /** With `{param}` for its parts. A `{taskQueueId}` may come with its slash as it is, too. */
  readonly path: string
  readonly summary: string
  /** Undefined: a body is not looked at. */
  readonly body?: ZodType<Body> | undefined
  readonly query?: ZodType<Query> | undefined
  readonly answer?: ZodType | undefined
  /** Not for new callers. */
  readonly deprecated?: boolean | undefined
  /** The body holds secrets, which no answer repeats. */
  readonly secretive?: boolean | undefined
  /** What it returns is sent as JSON, a Response as it is. */
  handle(call: Call<Body, Query>): Promise<object>
}

/** Keeps the types of body and query together with their use. */
export function endpoint<Body = undefined, Query = undefined>(declared: Endpoint<Body, Query>): Endpoint {
  return declared as unknown as Endpoint
}

/** The shape of each part of a path that is not free. */
const parts: Readonly<Record<string, RegExp>> = {
  taskId: /^[!-.0-~]{1,200}$/,
  taskGroupId: /^[!-.0-~]{1,200}$/,
  runId: /^\d{1,9}$/,
  provisionerId: /^[^\s/]{1,200}$/,
  workerType: /^[^\s/]{1,200}$/,
  workerGroup: /^[^\s/]{1,200}$/,
  workerId: /^[^\s/]{1,200}$/,
  taskQueueId: /^[^\s\p{C}]{1,200}$/u,
  workerPoolId: /^[^\s\p{C}]{1,200}$/u,
  // Printable ASCII, as a header can carry it.
  name: /^[\x20-\x7e]{1,1000}$/,
}

const errorSchema = z
  .object({
    code: z.string().openapi({ example: 'RequestConflict' }),
    message: z.string(),
    requestInfo: z.object({
      method: z.string(),
      params: z.record(z.string(), z.string()),
      payload: z.unknown().optional(),
      time: z.string(),
    }),
  })
  .openapi('QueueError')

export interface ContractOptions {
  readonly app: OpenAPIHono
  /** For example `/api/queue/v1`. */
  readonly prefix: string
  readonly tag: string
  readonly logger: Logger
}

/** Adds endpoints to the application and to its document. */
export function addEndpoints(options: ContractOptions, endpoints: readonly Endpoint[]): void {
  for (const each of endpoints) {
    describe(options, each)
    const path = `${options.prefix}${each.path}`
    const serve = (context: Context): Promise<Response> => answered(context, each, options.logger)
    // A name may hold slashes; a queue may come in two parts.
    const patterns = path.includes('{taskQueueId}')
      ? [path, path.replace('{taskQueueId}', '{provisionerId}/{workerType}')]
      : [path]
    for (const pattern of patterns) options.app.on(each.method.toUpperCase(), routed(pattern), serve)
  }
}

function routed(pattern: string): string {
  return pattern.replaceAll(/\{(\w+)\}/g, (_, part: string) => (part === 'name' ? ':name{.+}' : `:${part}`))
}

function describe(
  { app, prefix, tag }: ContractOptions,
  { name, method, path, summary, body, query, answer, deprecated }: Endpoint,
): void {
  const content = (schema: ZodType) => ({ 'application/json': { schema } })
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, part]) => part as string)
  app.openAPIRegistry.registerPath({
    method,
    path: `${prefix}${path}`,
    operationId: `${tag}.${name}`,
    tags: [tag],
    summary,
    ...(deprecated === true ? { deprecated } : {}),
    request: {
      params: z.object(
        Object.fromEntries(names.map((part) => [part, z.string().openapi({ param: { name: part, in: 'path' } })])),
      ),
      ...(query === undefined ? {} : { query: query as never }),
      ...(body === undefined ? {} : { body: { content: content(body), required: !body.safeParse(undefined).success } }),
    },
    responses: {
      200: { description: 'Done.', ...(answer === undefined ? {} : { content: content(answer) }) },
      default: { description: 'It is refused; `code` says why.', content: content(errorSchema) },
    },
  })
}

/** Serves one request: whatever is thrown on the way becomes an error as the contract has them. */
async function answered(context: Context, each: Endpoint, logger: Logger): Promise<Response> {
  const info: RequestInfo = { method: each.name, params: {}, payload: undefined }
  try {
    const params = { ...context.req.param() } as Record<string, string>
    if (each.path.includes('{taskQueueId}') && params.taskQueueId === undefined) {
      params.taskQueueId = `${params.provisionerId}/${params.workerType}`
    }
    info.params = params
    checkParts(params)
    const payload = each.body === undefined ? undefined : await jsonOf(context)
    info.payload = each.secretive === true ? '(omitted)' : payload
    const body = each.body === undefined ? undefined : checked(each.body, payload, 'InputValidationError', 'the body')
    const given =
      each.query === undefined ? undefined : checked(each.query, context.req.query(), 'InvalidRequestArguments', 'the query')
    const answer = await each.handle({ context, params, body, query: given })
    return answer instanceof Response ? answer : context.json(answer)
  } catch (error) {
    return answerError(context, error, logger, info)
  }
}

/** What an error tells of the request that it answers. */
export interface RequestInfo {
  method: string
  params: Readonly<Record<string, string>>
  payload: unknown
}

/** Answers an error as the contract has them. What is nobody's fault but ours is logged. */
export function answerError(context: Context, error: unknown, logger: Logger, info?: RequestInfo): Response {
  const { code, status, message } = contractAnswer(error)
  if (status >= 500) logger.error({ error, path: context.req.path }, 'a request failed')
  if (status === 401) challenge(context, error)
  const { method = context.req.method, params = {}, payload } = info ?? {}
  const requestInfo = { method, params, payload, time: new Date().toJSON() }
  return context.json({ code, message, requestInfo }, status)
}

function checkParts(params: Readonly<Record<string, string>>): void {
  for (const [part, value] of Object.entries(params)) {
    if (parts[part]?.test(value) !== false) continue
    throw new ContractError('InvalidRequestArguments', `expected \`${part}\` in the path to match ${parts[part]}, got: ${value}`)
  }
}

/** A body may be missing, and needs no content type. */
async function jsonOf({ req }: Context): Promise<unknown> {
  const text = await req.text()
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    const message = `expected the body of ${req.method} ${req.path} to be JSON, got text that is not; look at quotes and commas`
    throw new ContractError('MalformedPayload', message, { cause })
  }
}

function checked<Value>(
  schema: ZodType<Value>,
  value: unknown,
  code: 'InputValidationError' | 'InvalidRequestArguments',
  what: string,
): Value {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new ContractError(code, `expected ${what} as the address takes it, got: ${issuesLine(result.error)}`)
}

function issuesLine(error: ZodError): string {
  const issues = error.issues.map(({ path, message }) => (path.length === 0 ? message : `\`${path.join('.')}\`: ${message}`))
  return issues.slice(0, 10).join('; ')
}
