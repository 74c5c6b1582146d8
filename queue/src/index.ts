/** Lovage's own durable queue: a Broker over Store, Signal and Liveness. */
export { cronerCron } from './croner-cron.ts'
export { jointLiveness } from './joint-liveness.ts'
export { jointSignal } from './joint-signal.ts'
export { createQueueBroker, type QueueBrokerOptions, type RetentionOptions } from './queue-broker.ts'
export { systemClock } from './system-clock.ts'
