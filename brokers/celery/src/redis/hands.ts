/** What one inflow has in its hands, and what those hands stand on. */
import type { Clock } from '@lovage/core'
import type { Arrival, InflowListener, TaskQueue } from '../transport.ts'
import type { HeldMessage } from './held-message.ts'
import type { KombuLayout } from './kombu-layout.ts'
import type { RedisLink } from './redis-link.ts'
import type { RedisSettings } from './redis-options.ts'
import type { UnsettledMessages } from './unsettled.ts'

/** What an inflow stands on. */
export interface InflowPlace {
  readonly link: RedisLink
  readonly clock: Clock
  readonly settings: RedisSettings
  readonly layout: KombuLayout
  readonly listener: InflowListener
  /** Makes a queue ready: declared, and heard if it is one of pub/sub. */
  join(queue: TaskQueue, onArrival: (arrival: Arrival) => void): Promise<() => Promise<void>>
  /** This process put something into these lists: Redis does not tell it of that. */
  stirred(lists: readonly string[]): void
  /** The inflow has ended. */
  onClosed(): void
}

export type Hands = UnsettledMessages<HeldMessage>

/** Whole seconds, which Redis compares twice as fast as fractions; rather a little late than early. */
export function scoreOf(timeMs: number): number {
  return Math.ceil(timeMs / 1000)
}
