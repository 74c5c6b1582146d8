/** The RabbitMQ signal: wake-ups, task events and the dead-man's switch of a queue on any store. */
export type { RabbitmqOptions } from './rabbitmq-options.ts'
export { type RabbitmqSignal, rabbitmqSignal } from './rabbitmq-signal.ts'
