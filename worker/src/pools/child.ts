/** The inside of a child, thread or process alike: loads the task modules and runs one job at a time. */
import { type AnyTask, ConfigError, failureFrom, TaskError, type TaskResult } from '@lovage/core'
import { Abort } from '../abort.ts'
import { execute } from '../execute.ts'
import type { Job, JobEnd, JobHooks } from '../pool.ts'
import { loadTasks } from './load-tasks.ts'
import { type Call, type FromChild, readMessage, type ToChild } from './protocol.ts'
import { reviveError } from './revive-error.ts'

/** The child's end of its lane. */
export interface ParentPort {
  post(text: string): void
  listen(listener: (data: unknown) => void): void
}

interface Waiting {
  resolve(value: never): void
  reject(error: Error): void
}

/** Serves the pool behind the port until the child is stopped or killed. */
export function serve(port: ParentPort): void {
  const child = new Child(port)
  port.listen((data) => child.receive(data))
}

class Child {
  readonly #port: ParentPort
  #tasks: ReadonlyMap<string, AnyTask> = new Map()
  #run: number | undefined
  #abort = new Abort()
  /** What the handler asked the worker and waits for. */
  readonly #calls = new Map<number, Waiting>()
  #lastCall = 0

  constructor(port: ParentPort) {
    this.#port = port
  }

  receive(data: unknown): void {
    const message = readMessage<ToChild>(data)
    switch (message?.type) {
      case 'load':
        void this.#load(message.modules)
        break
      case 'run':
        void this.#execute(message.run, message.job)
        break
      case 'abort':
        if (message.run === this.#run) this.#abort.abort(reviveError(message.reason))
        break
      case 'answer':
        this.#settle(message.call)?.resolve(message.value as never)
        break
      case 'refusal':
        this.#settle(message.call)?.reject(reviveError(message.failure))
        break
      case 'stop':
        process.exit()
    }
  }

  async #load(modules: readonly string[]): Promise<void> {
    try {
      this.#tasks = await loadTasks(modules)
      this.#post({ type: 'ready' })
    } catch (error) {
      this.#post({ type: 'broken', failure: failureFrom(error) })
    }
  }

  async #execute(run: number, job: Job): Promise<void> {
    this.#run = run
    this.#abort = new Abort()
    const definition = this.#tasks.get(job.message.name)
    const end = definition === undefined ? unknownTask(job) : await execute(definition, job, this.#hooks(run), this.#abort)
    this.#run = undefined
    this.#port.post(endMessage(run, job, end))
  }

  #hooks(run: number): JobHooks {
    return {
      progress: (value, detail) => this.#post({ type: 'progress', run, value, detail }),
      log: (level, text) => this.#post({ type: 'log', run, level, text }),
      send: (name, input, options) => this.#call<string>({ type: 'send', run, call: ++this.#lastCall, name, input, options }),
      dependencies: () => this.#call<readonly TaskResult[]>({ type: 'dependencies', run, call: ++this.#lastCall }),
    }
  }

  #call<Value>(message: Call): Promise<Value> {
    return new Promise<Value>((resolve, reject) => {
      if (message.run !== this.#run) {
        throw new TaskError('TRANSITION_REFUSED', `expected context.${message.type} to be called before the end of the run`)
      }
      this.#post(message)
      this.#calls.set(message.call, { resolve, reject })
    })
  }

  #settle(id: number): Waiting | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    return call
  }

  #post(message: FromChild): void {
    this.#port.post(encode(message))
  }
}

/** @throws {TaskError} INPUT_UNSERIALIZABLE, out of the handler's own call */
function encode(message: FromChild): string {
  try {
    return JSON.stringify(message)
  } catch (cause) {
    throw unserializable(`the value given to context.${message.type}`, cause)
  }
}

/** A result that is no JSON value is the handler's fault, not the child's. */
function endMessage(run: number, job: Job, end: JobEnd): string {
  try {
    return JSON.stringify({ type: 'end', run, end } satisfies FromChild)
  } catch (cause) {
    const failure = failureFrom(unserializable(`the result of ${job.message.name}`, cause))
    return JSON.stringify({ type: 'end', run, end: { type: 'threw', failure } } satisfies FromChild)
  }
}

function unserializable(what: string, cause: unknown): TaskError {
  const got = cause instanceof Error ? cause.message : String(cause)
  return new TaskError('INPUT_UNSERIALIZABLE', `expected ${what} to be a JSON value, got: ${got}`, { cause })
}

function unknownTask({ message }: Job): JobEnd {
  const text = `expected a module of the pool to export the task ${message.name}, got none; add its file to \`modules\``
  return { type: 'threw', failure: failureFrom(new ConfigError('MODULE_INVALID', text, { subject: message.name })) }
}
