/** The Launcher port: starts and ends the workers of pools, wherever they run. */
import type { LaunchConfig } from '../worker-pool.ts'

/** A worker to be started. */
export interface LaunchRequest {
  readonly workerPoolId: string
  /** Unlike that of any other worker of the group. */
  readonly workerId: string
  /** `workerId@group`: the name under which it must take tasks. */
  readonly worker: string
  readonly launchConfig: LaunchConfig
}

/** A worker that has ended. */
export interface WorkerExit {
  readonly workerId: string
  /** For a person, on one line: `exit code 2: expected tasks.ts to load`. */
  readonly reason: string
}

/** What it starts must end by itself, its tasks finished, when the process of the launcher is gone. */
export interface Launcher {
  /** Where its workers run, for example a host. No slash in it. */
  readonly group: string
  /** Resolves when the worker was started; it takes tasks later. Rejects when it could not be started; then it never exits. */
  launch(request: LaunchRequest): Promise<void>
  /** Asks a worker to end: warm finishes what it runs, cold aborts it and gives it back. Harmless when it is gone. */
  stop(workerId: string, how: 'warm' | 'cold'): Promise<void>
  /** Ends a worker whatever it does. Harmless when it is gone. */
  kill(workerId: string): Promise<void>
  /** The workers that were launched and have not ended. */
  list(): Promise<readonly string[]>
  /** Calls the listener once for each worker that has ended, when `list` no longer names it. The answer ends it. */
  onExit(listener: (exit: WorkerExit) => void): () => void
}
