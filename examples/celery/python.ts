/** Programs of Python's, in the environment that both halves share. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const python = process.env.PYTHON ?? 'python3'

/** Where the cluster is, by the names that Celery reads. */
export const place = {
  CELERY_BROKER_URL: process.env.CELERY_BROKER_URL ?? 'redis://localhost:6379/0',
  CELERY_RESULT_BACKEND: process.env.CELERY_RESULT_BACKEND ?? 'redis://localhost:6379/1',
}

function start(words: readonly string[]): ChildProcess {
  const env = { ...process.env, ...place, PYTHONDONTWRITEBYTECODE: '1' }
  return spawn(python, words, { cwd: import.meta.dirname, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Runs a program to its end and answers what it printed. */
export async function runPython(...words: string[]): Promise<string> {
  const child = start(words)
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (printed += text))
  await once(child, 'close')
  return printed.trim()
}

/** Starts Python's worker and answers how to end it. */
export async function startPythonWorker(): Promise<() => Promise<void>> {
  const child = start(['-m', 'celery', '-A', 'shop', 'worker', '-n', 'python@shop', '-P', 'solo', '-E', '-l', 'INFO'])
  const ended = once(child, 'close')
  const said: string[] = []
  const ready = new Promise<boolean>((done) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      createInterface(stream).on('line', (line) => {
        said.push(line)
        if (line.includes('python@shop ready.')) done(true)
      })
    }
    void ended.then(() => done(false))
  })
  if (!(await ready)) throw new Error(`expected Python's worker to start, got:\n${said.join('\n')}`)
  return async () => {
    child.kill('SIGTERM')
    await ended
  }
}
