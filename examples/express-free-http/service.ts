/** The service: a request becomes a task, and the task an address where its result can be waited for. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { type Client, type ErrorCode, LovageError, type TaskResult } from 'lovage'
import { summarize } from './tasks.ts'

interface Reply {
  readonly status: number
  readonly body: object
  readonly location?: string
}

const maxBytes = 200_000
const longestWaitSeconds = 60

/** Makes the server. When `closing` fires, whoever waits for a result is answered at once. */
export function createService(client: Client, closing: AbortSignal): Server {
  return createServer((request, response) => {
    void route(client, request, closing)
      .catch(problem)
      .then(({ status, body, location }) => {
        response.writeHead(status, {
          'content-type': 'application/json',
          ...(location === undefined ? {} : { location }),
          ...(closing.aborted ? { connection: 'close' } : {}),
        })
        response.end(`${JSON.stringify(body)}\n`)
      })
  })
}

async function route(client: Client, request: IncomingMessage, closing: AbortSignal): Promise<Reply> {
  const url = URL.parse(request.url ?? '/', 'http://localhost')
  if (request.method === 'POST' && url?.pathname === '/summaries') return begin(client, request)
  const id = /^\/summaries\/([\w-]+)$/.exec(url?.pathname ?? '')?.[1]
  if (request.method !== 'GET' || id === undefined) {
    throw new LovageError(
      'ADDRESS_UNKNOWN',
      `expected POST /summaries or GET /summaries/ID, got: ${request.method} ${request.url}`,
    )
  }
  const seconds = Math.min(longestWaitSeconds, Number(url?.searchParams.get('wait') ?? 0) || 0)
  if (seconds > 0) await overOrClosing(client, id, seconds, closing)
  return stateReply(await client.task(id).state())
}

/** An `Idempotency-Key` makes it safe to ask again when an answer was lost: the same key is the same task. */
async function begin(client: Client, request: IncomingMessage): Promise<Reply> {
  const key = request.headers['idempotency-key']
  if (key !== undefined && !/^[\w-]{1,100}$/.test(String(key))) {
    throw new LovageError('REQUEST_INVALID', `expected Idempotency-Key to be letters, digits, _ and -, got: ${key}`)
  }
  const input = (await readJson(request)) as { text: string }
  const task = await client.send(summarize, input, key === undefined ? {} : { id: `summary-${key}` })
  const location = `/summaries/${task.id}`
  return { status: 202, body: { id: task.id, status: location, result: `${location}?wait=${longestWaitSeconds}` }, location }
}

/** What says no length is refused unread, as is what says too much; nobody can send more than they said. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const length = Number(request.headers['content-length'] ?? Number.NaN)
  if (!(length <= maxBytes)) {
    throw new LovageError('PAYLOAD_TOO_LARGE', `expected a Content-Length of at most ${maxBytes}, got: ${length}`)
  }
  try {
    return JSON.parse(await text(request))
  } catch (cause) {
    throw new LovageError('REQUEST_INVALID', `expected a body of JSON, got: ${(cause as Error).message}`, { cause })
  }
}

/** Waits until the task is over, the time is up or the service closes, whichever comes first. */
async function overOrClosing(client: Client, id: string, seconds: number, closing: AbortSignal): Promise<void> {
  try {
    await client.results.wait(id, { timeoutMs: seconds * 1000, signal: closing })
  } catch (error) {
    if (!closing.aborted && !LovageError.is(error, 'WAIT_TIMEOUT')) throw error
  }
}

/** 200 when it is over, 202 while it is not. Tasks of other kinds are nobody's business here. */
function stateReply({ id, name, state, reason, result, failure }: TaskResult): Reply {
  if (name !== summarize.name) throw new LovageError('TASK_UNKNOWN', `no summary has the id ${id}`)
  if (state === 'completed') return { status: 200, body: { id, state, result } }
  const over = state === 'failed' || state === 'exception'
  return over ? { status: 200, body: { id, state, reason, error: failure?.message } } : { status: 202, body: { id, state } }
}

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  INPUT_INVALID: 400,
  REQUEST_INVALID: 400,
  ADDRESS_UNKNOWN: 404,
  TASK_UNKNOWN: 404,
  TASK_CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
}

function problem(error: unknown): Reply {
  const status = LovageError.is(error) ? (statuses[error.code] ?? (error.retryable ? 503 : 500)) : 500
  if (status === 500) console.error(error)
  return { status, body: LovageError.is(error) ? { code: error.code, error: error.rawMessage } : { error: 'see the log' } }
}
