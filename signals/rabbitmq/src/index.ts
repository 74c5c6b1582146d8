/** The RabbitMQ signal: wake-ups, task events and the dead-man's switch of a queue on any store. */
export {}
