/** Options of a gateway: read, checked, and given their defaults. */
import {
  ConfigError,
  checkOptionNames,
  type Duration,
  durationMs,
  type OptionNames,
  type RetryOptions,
  retryPolicy,
} from '@lovage/core'
import type { GatewaySettings } from './surroundings.ts'

export interface GatewayLimits {
  /** How long a run belongs to its worker without a renewal. Default 30 s, at least 1 s; renewed, and heard of, at a third. */
  readonly lease?: Duration | undefined
  /** How long a worker may be away before its tasks go elsewhere. Default 5 s; 0 for none. */
  readonly grace?: Duration | undefined
  /** How long a worker gets no tasks after it rejected one; 5 % of it are random. Default 15 minutes. */
  readonly pause?: Duration | undefined
  /** A paused worker of L0 that was away so long counts as started anew. Default 10 s; 0: it never does. */
  readonly reload?: Duration | undefined
  /** How long a worker of L1 has to say that it takes a task. Default 5 s. */
  readonly ack?: Duration | undefined
  /** How long a run may take without heartbeats, as in L0, whose task has no time limit of its own. Default 15 minutes. */
  readonly quietRun?: Duration | undefined
  /** How long `close` waits for runs to end. Default 10 s. */
  readonly drain?: Duration | undefined
  /** How rejected tasks are tried again whose sender says nothing of it. Default: 4 times, after 1 s, 2 s, ... at most 5 minutes. */
  readonly retry?: RetryOptions | undefined
}

const limitNames: OptionNames<GatewayLimits> = {
  lease: true,
  grace: true,
  pause: true,
  reload: true,
  ack: true,
  quietRun: true,
  drain: true,
  retry: true,
}

export { limitNames }

/** Workers that find no server try again within 8 s. */
const longestReturnMs = 10_000

/** @throws {ConfigError} OPTION_INVALID, DURATION_INVALID */
export function gatewaySettings(options: GatewayLimits): GatewaySettings {
  const leaseMs = durationMs(options.lease ?? '30s', 'lease')
  if (leaseMs < 1000) throw new ConfigError('OPTION_INVALID', `expected \`lease\` to be at least 1s, got: ${leaseMs}ms`)
  const graceMs = durationMs(options.grace ?? '5s', 'grace')
  const retry = { limit: 4, delay: '1s', maxDelay: '5 minutes', ...options.retry }
  checkOptionNames(retry, { limit: true, backoff: true, delay: true, maxDelay: true, jitter: true }, '`retry`')
  return {
    leaseMs,
    graceMs,
    orphanMs: Math.max(graceMs, longestReturnMs),
    pauseMs: durationMs(options.pause ?? '15 minutes', 'pause'),
    reloadMs: durationMs(options.reload ?? '10s', 'reload'),
    ackMs: durationMs(options.ack ?? '5s', 'ack'),
    cancelMs: 10_000,
    quietRunMs: durationMs(options.quietRun ?? '15 minutes', 'quietRun'),
    holdMs: 5000,
    drainMs: durationMs(options.drain ?? '10s', 'drain'),
    retry: retryPolicy(retry),
  }
}
