/** A broker seen from outside: which deliveries a worker holds, and when it holds none. */
import type { Broker, ConsumerListener, Delivery } from '@lovage/core'

/** @internal */
export interface Watch {
  /** What a worker is given in place of the broker. */
  readonly broker: Broker
  /** Ids of what was delivered, in order of their first delivery. */
  readonly delivered: ReadonlySet<string>
  /** Whether nothing is in the worker's hands. */
  readonly idle: () => boolean
}

/** Stands between a broker and one worker. `onIdle` is called whenever the last delivery is settled or taken back. @internal */
export function watchBroker(broker: Broker, onIdle: () => void): Watch {
  const delivered = new Set<string>()
  const open = new Set<string>()
  const close = (run: string): void => {
    if (open.delete(run) && open.size === 0) onIdle()
  }
  const watched = (delivery: Delivery): Delivery => {
    const { id, run } = delivery.message
    delivered.add(id)
    open.add(runKey(id, run))
    return {
      message: delivery.message,
      redelivered: delivery.redelivered,
      accept: () => delivery.accept(),
      note: (note) => delivery.note(note),
      async settle(outcome) {
        const counted = await delivery.settle(outcome)
        close(runKey(id, run))
        return counted
      },
    }
  }
  const listenTo = (listener: ConsumerListener): ConsumerListener => ({
    deliver: (deliveries) => listener.deliver(deliveries.map(watched)),
    revoke: (id, run, reason) => {
      listener.revoke(id, run, reason)
      close(runKey(id, run))
    },
    error: (error) => listener.error(error),
  })
  const { name, control, events, results, admin } = broker
  return {
    broker: {
      name,
      control,
      events,
      results,
      admin,
      tasks: {
        send: (messages, wait) => broker.tasks.send(messages, wait),
        cancel: (ids, reason) => broker.tasks.cancel(ids, reason),
        consume: (options, listener) => broker.tasks.consume(options, listenTo(listener)),
      },
      close: () => broker.close(),
    },
    delivered,
    idle: () => open.size === 0,
  }
}

function runKey(id: string, run: number): string {
  return `${id} ${run}`
}
