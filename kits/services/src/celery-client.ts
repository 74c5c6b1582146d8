/** Python's Celery client: an interpreter that runs what a test tells it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ProtocolError } from '@lovage/core'
import { type CeleryApp, environmentOf, moduleOf } from './celery-app.ts'
import { pythonWithCelery } from './python.ts'
import { unavailable } from './unavailable.ts'

/** A running interpreter with the application imported. */
export interface CeleryClient {
  /**
   * Runs the lines of a function body, for example `return app.send_task(*given).get(timeout=10)`. Everything that stands in the
   * application's file is there, and what is given. One at a time. Answers what is returned, as JSON carries it; other values as their repr.
   * @throws {ProtocolError} PROTOCOL_INVALID with the traceback of what was raised
   */
  run(lines: string, given?: unknown): Promise<unknown>
  stop(): Promise<void>
}

interface Reply {
  readonly value?: unknown
  readonly error?: string
}

/**
 * Starts a client. It ends with this process, however that ends.
 * @throws {ConfigError} UNSUPPORTED where there is no Celery
 */
export async function startCeleryClient(app: CeleryApp): Promise<CeleryClient> {
  const python = pythonWithCelery()
  if (python === undefined) throw unavailable('Celery', 'python3-celery python3-redis python3-msgpack python3-yaml')
  const child = spawn(python, [join(import.meta.dirname, 'celery-client.py'), moduleOf(app)], {
    // biome-ignore lint/style/noProcessEnv: the program sees what this process sees
    env: { ...process.env, ...environmentOf(app) },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-10_000)
  })
  // Whoever was killed reads no more.
  child.stdin.on('error', () => {})
  const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let turn: Promise<unknown> = Promise.resolve()
  const ask = async (lines: string, given: unknown): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify({ lines, given })}\n`)
    const next = await replies.next()
    if (next.done === true) throw raised(`the interpreter ended: ${complaints}`)
    const { value, error } = JSON.parse(next.value) as Reply
    if (error !== undefined) throw raised(error)
    return value
  }
  return {
    run(lines, given = null) {
      const answer = turn.then(() => ask(lines, given))
      turn = answer.catch(() => {})
      return answer
    },
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}

function raised(got: string): ProtocolError {
  return new ProtocolError('PROTOCOL_INVALID', `expected Python to return, got: ${got}`)
}
