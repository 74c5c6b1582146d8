/** Celery's own programs, as an operator runs them: `celery -A app status`, `inspect`, `control`, `events`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type CeleryApp, environmentOf, moduleOf } from './celery-app.ts'
import { pythonWithCelery } from './python.ts'
import { unavailable } from './unavailable.ts'

/** A running program. */
export interface CeleryProgram {
  /** What it has written so far, errors included. */
  readonly output: string
  /** Resolves when it is over. */
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>
  /** Resolves once the pattern stands in its output; false when it ended without. */
  says(pattern: RegExp): Promise<boolean>
  stop(): Promise<void>
}

/**
 * Starts `celery -A app WORDS`.
 * @throws {ConfigError} UNSUPPORTED where there is no Celery
 */
export function startCeleryProgram(app: CeleryApp, words: readonly string[]): CeleryProgram {
  const python = pythonWithCelery()
  if (python === undefined) throw unavailable('Celery', 'python3-celery python3-redis python3-msgpack python3-yaml')
  const child = spawn(python, ['-m', 'celery', '-A', moduleOf(app), ...words], {
    // biome-ignore lint/style/noProcessEnv: the program sees what this process sees
    env: { ...process.env, ...environmentOf(app) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let isOver = false
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      child.emit('text')
    })
  }
  const ended = once(child, 'close').then(([code]) => {
    isOver = true
    child.emit('text')
    return { code: code as number | null, output }
  })
  return {
    get output() {
      return output
    },
    ended,
    async says(pattern) {
      while (!pattern.test(output) && !isOver) await once(child, 'text')
      return pattern.test(output)
    },
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
