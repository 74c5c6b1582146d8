/** What every part of a gateway stands on, put together once. */
import {
  type Admin,
  type Clock,
  type ControlBus,
  type Desk,
  type EventBus,
  type Logger,
  LovageError,
  type Random,
  type Results,
  type RetryPolicy,
  type TaskBus,
} from '@lovage/core'
import type { InputChecks } from './input-checks.ts'

/** Lengths of time are milliseconds. */
export interface GatewaySettings {
  /** How long a run belongs to its worker without a renewal. */
  readonly leaseMs: number
  /** How long a worker may be away before its runs go elsewhere. */
  readonly graceMs: number
  /** How long a worker has to come to another gateway when its own is gone, before its runs go elsewhere. */
  readonly orphanMs: number
  /** How long a worker is paused that says it is broken. */
  readonly pauseMs: number
  /** How long a paused worker of L0 must be away to count as started anew; 0: it never does. */
  readonly reloadMs: number
  /** How long a worker has to say that it takes a task. */
  readonly ackMs: number
  /** How long a worker has for an answer to a cancellation. */
  readonly cancelMs: number
  /** How long a run may take without heartbeats whose task has no limit of its own. */
  readonly quietRunMs: number
  /** How long results are kept of a socket that has not registered. */
  readonly holdMs: number
  readonly drainMs: number
  readonly retry: RetryPolicy
}

/** The buses of the broker: what is missing workers have to do without. */
export interface Buses {
  readonly control?: Pick<ControlBus, 'serve'> | undefined
  readonly events?: Pick<EventBus, 'emit'> | undefined
  readonly results?: Results | undefined
  readonly tasks?: Pick<TaskBus, 'send' | 'cancel'> | undefined
}

export interface Surroundings {
  readonly desk: Desk
  readonly admin: Pick<Admin, 'get' | 'find'>
  readonly clock: Clock
  readonly logger: Logger
  readonly random: Random
  readonly newId: () => string
  /** What may be given to which worker. */
  readonly checks: InputChecks
  readonly settings: GatewaySettings
  readonly buses: Buses
  /** Fires when the gateway is closed: nobody tries again then. */
  readonly closing: AbortSignal
}

const firstWaitMs = 100
const longestWaitMs = 10_000

/**
 * Does what must be done until it is: failures are told and tried again, ever later.
 * @throws one that no other try mends, and the last one once the gateway is closed
 */
export async function insist<Answer>({ clock, logger, closing }: Surroundings, what: string, attempt: () => Promise<Answer>) {
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(longestWaitMs, waitMs * 2)) {
    try {
      return await attempt()
    } catch (error) {
      if (closing.aborted || (LovageError.is(error) && !error.retryable)) throw error
      logger.warn({ err: error, againInMs: waitMs }, `${what} failed; it is tried again`)
      await waited(clock, waitMs, closing)
    }
  }
}

function waited(clock: Clock, ms: number, closing: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      closing.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.at(clock.now() + ms, end)
    closing.addEventListener('abort', end, { once: true })
  })
}
