/** A whole queue in memory, on a clock that a test moves. */
import { type Client, createClient } from '@lovage/client'
import { createQueueBroker } from '@lovage/queue'
import { memoryBackend } from '@lovage/store-memory'
import { type ManualClock, manualClock } from './manual-clock.ts'

/** A client on a queue of its own. */
export interface TestBroker extends Client {
  readonly clock: ManualClock
}

/** What `testBroker` takes. */
export interface TestBrokerOptions {
  /** Default: a new one. */
  readonly clock?: ManualClock | undefined
}

/** Makes an empty queue in memory. Its delays have no jitter, so that a retry comes exactly when its policy says. */
export async function testBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const clock = options.clock ?? manualClock()
  const broker = await createQueueBroker({ ...memoryBackend(), clock, random: () => 0 })
  return { ...createClient(broker, { clock }), clock }
}
