/** A queue as `active_queues` shows it: Celery's keys, of which only the name means something beyond AMQP. */

export function queueInfo(name: string): Readonly<Record<string, unknown>> {
  const unset = { durable: true, auto_delete: false, passive: false, no_declare: null }
  return {
    name,
    exchange: { name, type: 'direct', arguments: null, delivery_mode: null, ...unset, no_declare: false },
    routing_key: name,
    queue_arguments: null,
    binding_arguments: null,
    consumer_arguments: null,
    durable: true,
    exclusive: false,
    auto_delete: false,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
    expires: null,
    message_ttl: null,
    max_length: null,
    max_length_bytes: null,
    max_priority: null,
  }
}
