/** A child that is a worker thread. */
import { type ResourceLimits, Worker } from 'node:worker_threads'
import { type Failure, failureFrom } from '@lovage/core'
import { inheritedArguments } from './inherited-arguments.ts'
import { childEntry, type Lane, type LaneListener } from './lane.ts'

/** What threads take beside what every child takes. */
export interface ThreadLaneOptions {
  /** Options of Node for the threads. Default: those of this process. */
  readonly execArgv?: readonly string[] | undefined
  /** A thread that needs more memory ends, and with it only its run. Default: Node's own limits. */
  readonly resourceLimits?: ResourceLimits | undefined
}

/** Starts a thread. Throws what Node throws at options that threads do not take. */
export function threadLane(listener: LaneListener, options: ThreadLaneOptions): Lane {
  const execArgv = options.execArgv ?? (evaluated() ? inheritedArguments(process.execArgv) : undefined)
  const thread = new Worker(childEntry('thread-child'), {
    ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits }),
  })
  let uncaught: Failure | undefined
  thread.on('message', (data) => listener.message(data))
  thread.on('error', (error) => {
    uncaught = failureFrom(error)
  })
  thread.on('exit', (code) => listener.exit({ got: `exit code ${code}`, uncaught }))
  return {
    id: thread.threadId,
    post: (text) => thread.postMessage(text),
    kill: () => void thread.terminate(),
  }
}

/** Threads take over more than they can be told; only after `node --eval` they take over too much. */
function evaluated(): boolean {
  return inheritedArguments(process.execArgv).length < process.execArgv.length
}
