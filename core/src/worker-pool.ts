/** Worker pools: how many workers a queue of tasks may have, and the workers that were started or registered for it. */

/** The states of a worker of a pool: `requested -> running -> stopping -> stopped`, and straight to `stopped` from each. */
export const poolWorkerStates = ['requested', 'running', 'stopping', 'stopped'] as const
export type PoolWorkerState = (typeof poolWorkerStates)[number]

/** One way to start a worker: what it needs is between the pool and its launcher. */
export type LaunchConfig = Readonly<Record<string, unknown>>

/** Time-outs of a pool's workers, all in whole seconds; what is absent never ends a worker. */
export interface WorkerLifecycle {
  /** From the request of a worker to its registration. */
  readonly registrationTimeout?: number | undefined
  /** From one registration to the next; credentials are given for as long. Default 4 days. */
  readonly reregistrationTimeout?: number | undefined
  /** A worker that neither claims nor reclaims for so long is stopped as a zombie. Default 7200. */
  readonly queueInactivityTimeout?: number | undefined
  /** A worker above `minCapacity` that has been without work for so long is stopped. */
  readonly idleTimeout?: number | undefined
  /** A worker is drained and replaced when it is so old. */
  readonly maxLifetime?: number | undefined
  /** A worker that was told to stop and still runs a task after so long is stopped cold: its tasks go elsewhere. */
  readonly drainTimeout?: number | undefined
  /** How long a worker of the HTTP queue has a task of the pool's queue without reclaiming it, at least 1. Default: the server's. */
  readonly claimTimeout?: number | undefined
}

export interface WorkerPoolConfig {
  readonly minCapacity: number
  readonly maxCapacity: number
  /** Workers to start for each pending task, from 0 to 1. Default 1. */
  readonly scalingRatio?: number | undefined
  readonly launchConfigs: readonly LaunchConfig[]
  readonly lifecycle?: WorkerLifecycle | undefined
}

/** A pool serves the queue of its own name, or those that its provider was given. Times are epoch milliseconds. */
export interface WorkerPool {
  readonly workerPoolId: string
  /** Who starts its workers; `static` where nobody does, `null-provider` once it shall go when its workers have. */
  readonly providerId: string
  readonly description: string
  readonly owner: string
  readonly emailOnError: boolean
  /** What a provider takes beside these fields is kept as it came. */
  readonly config: WorkerPoolConfig
  readonly created: number
  readonly lastModified: number
}

/** What names one worker of a pool. Group and id hold no slash. */
export interface PoolWorkerAddress {
  readonly workerPoolId: string
  readonly workerGroup: string
  readonly workerId: string
}

/** A worker of a pool, kept for a while after it has stopped. Times are epoch milliseconds. */
export interface PoolWorker extends PoolWorkerAddress {
  readonly providerId: string
  readonly state: PoolWorkerState
  /** How many tasks it runs at once, at least 1. */
  readonly capacity: number
  readonly launchConfigId?: string | undefined
  readonly created: number
  /** When its state last changed. */
  readonly lastModified: number
  /** When its state was last seen to be true. */
  readonly lastChecked: number
  /** The record is removed after this time. */
  readonly expires: number
  /** It must register again before this time; given since its first registration. */
  readonly registeredUntil?: number | undefined
  /** This start of it, where its starts are told apart (see the Liveness port). */
  readonly incarnation?: string | undefined
  /** SHA-256, as hex, of the text that proves who it is when it registers for the first time. */
  readonly proofHash?: string | undefined
  /** SHA-256, as hex, of the text with which it registers again. */
  readonly secretHash?: string | undefined
  /** The holder of the process that launched it. */
  readonly launchedBy?: string | undefined
  /** It had better stop: asked for by whoever scales the pool, heeded by the worker when it asks. */
  readonly terminate?: { readonly reason: string } | undefined
}

/** Something that went wrong with a pool or one of its workers, for its owner. Public: no secrets in it. */
export interface WorkerPoolError {
  readonly workerPoolId: string
  readonly errorId: string
  /** Epoch milliseconds. */
  readonly reported: number
  /** A word for machines such as `worker-error`. */
  readonly kind: string
  readonly title: string
  readonly description: string
  readonly extra: Readonly<Record<string, unknown>>
  readonly launchConfigId?: string | undefined
}

/** The provider whose workers are started by hand and registered with a secret that the operator chose. */
export const staticProvider = 'static'

/** The provider of a pool that is being removed: nothing is started for it any more. */
export const nullProvider = 'null-provider'

/** The most errors that are kept of one pool; the oldest go first. */
export const keptPoolErrors = 100

/** The key of a worker's record. */
export function poolWorkerKey({ workerPoolId, workerGroup, workerId }: PoolWorkerAddress): string {
  return `${workerPoolId}/${workerGroup}/${workerId}`
}
