/** The inline pool: handlers run on the worker's own event loop. The fastest, and the one that cannot kill. */
import { type AnyTask, BugError, failureFrom } from '@lovage/core'
import { Abort } from '../abort.ts'
import { execute } from '../execute.ts'
import type { Job, JobEnd, JobHooks, Pool, Running } from '../pool.ts'

/** Makes a pool for these definitions, by name. */
export function inlinePool(definitions: ReadonlyMap<string, AnyTask>): Pool {
  return {
    name: 'inline',
    async start() {},
    run(job, hooks) {
      const definition = definitions.get(job.message.name)
      if (definition === undefined) return unknownTask(job)
      return new InlineRun(definition, job, hooks)
    },
    resize() {},
    describe: () => ({ processes: [process.pid] }),
    async close() {},
  }
}

class InlineRun implements Running {
  readonly end: Promise<JobEnd>
  readonly #abort = new Abort()

  constructor(definition: AnyTask, job: Job, hooks: JobHooks) {
    this.end = execute(definition, job, hooks, this.#abort)
  }

  abort(reason: Error): void {
    this.#abort.abort(reason)
  }

  kill(): boolean {
    return false
  }
}

function unknownTask(job: Job): Running {
  const failure = failureFrom(new BugError('BUG', `expected the pool to know ${job.message.name}, a task it was given to run`))
  return { end: Promise.resolve({ type: 'died', failure }), abort() {}, kill: () => false }
}
