/** Python's Celery worker as a private process. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CeleryApp, environmentOf, moduleOf } from './celery-app.ts'
import { guardedServer } from './guarded-server.ts'
import { pythonWithCelery } from './python.ts'
import { unavailable } from './unavailable.ts'

/** Whether this machine has Celery; on Debian as root it is installed when missing, which takes a moment. */
export function hasCelery(): boolean {
  return pythonWithCelery() !== undefined
}

export interface CeleryWorkerOptions extends CeleryApp {
  /** `name@host`. Workers of one cluster need different ones. */
  readonly name: string
  /** Default `solo`, which starts fastest. */
  readonly pool?: 'solo' | 'prefork' | 'threads'
  /** Default 1. */
  readonly concurrency?: number
  /** Default: those of the settings. */
  readonly queues?: readonly string[]
  /** Further words of the command line, for example `-E`. */
  readonly words?: readonly string[]
}

/** A running worker. */
export interface CeleryWorker {
  readonly name: string
  /** Its main process. */
  readonly pid: number
  /** Sends a signal to its main process alone, as an operator does. */
  signal(signal: NodeJS.Signals): void
  /** Resolves when all of it is gone. */
  ended(): Promise<void>
  /** Kills all of its processes at once, as a crash does. */
  crash(): Promise<void>
  /** Ends it in order: what runs is finished. */
  stop(): Promise<void>
}

/**
 * Starts a worker and resolves when it says that it is ready. It ends with this process, however that ends.
 * @throws {ConfigError} UNSUPPORTED where there is no Celery, or when the worker ends before it is ready; with what it wrote
 */
export async function startCeleryWorker(options: CeleryWorkerOptions): Promise<CeleryWorker> {
  const python = pythonWithCelery()
  if (python === undefined) throw unavailable('Celery', 'python3-celery python3-redis python3-msgpack python3-yaml')
  const folder = mkdtempSync(join(tmpdir(), 'lovage-celery-'))
  const pidFile = join(folder, 'pid')
  try {
    const server = await guardedServer({
      command: [python, '-m', 'celery', '-A', moduleOf(options), 'worker', ...wordsOf(options, pidFile)],
      folder,
      environment: environmentOf(options),
      isReady: (text) => text.includes(`${options.name} ready.`),
      stop: 'SIGTERM',
    })
    const pid = Number(readFileSync(pidFile, 'utf8'))
    const ended = async (): Promise<void> => {
      await server.ended()
      rmSync(folder, { recursive: true, force: true })
    }
    return {
      name: options.name,
      pid,
      signal: (signal) => void process.kill(pid, signal),
      ended,
      async crash() {
        await server.kill()
        await ended()
      },
      async stop() {
        // Children of its pool that get the signal as well die with what they run.
        terminate(pid)
        await ended()
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function wordsOf({ name, pool = 'solo', concurrency = 1, queues, words = [] }: CeleryWorkerOptions, pidFile: string): string[] {
  const lines = queues === undefined ? [] : ['-Q', queues.join(',')]
  return ['-n', name, '-P', pool, '-c', String(concurrency), '-l', 'INFO', `--pidfile=${pidFile}`, ...lines, ...words]
}

function terminate(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch {
    // It has ended by itself.
  }
}
