/** Celery's native delayed delivery: messages that are not due wait in queues of RabbitMQ's, and not with their consumer. */
import { type Logger, LovageError } from '@lovage/core'
import type { Arrival, Publication, TaskQueue } from '../transport.ts'
import {
  delayedRoutingKey,
  delayName,
  headersBeforeDelay,
  highestDelayLevel,
  isAfterDelay,
  routingKeyBeforeDelay,
} from '../wire/delayed-delivery.ts'
import type { Declarations } from './declarations.ts'
import { matchesTopic } from './matches-topic.ts'
import { type Declaration, delayDeclarations, mayBeDelayed, taskQueueDeclaration } from './topology.ts'

/** Where a message is published. */
export type Address = Pick<Publication, 'exchange' | 'routingKey'>

const entrance = delayName(highestDelayLevel)
/** Routing keys of AMQP have no room for more. */
const longestKeyBytes = 255

export class Delays {
  readonly #logger: Logger
  /** Empty where nothing is delayed. */
  readonly #topology: readonly Declaration[]
  /** By exchange and the key with which they are bound to it. */
  readonly #queues = new Map<string, Map<string, Declaration>>()
  /** Of those who send: whether it is there. */
  #isThere = false
  #declaring: Promise<boolean> | undefined
  #told: string | undefined

  /** @param queueType undefined: nothing is delayed */
  constructor(queueType: 'quorum' | 'classic' | undefined, logger: Logger) {
    this.#topology = queueType === undefined ? [] : delayDeclarations(queueType)
    this.#logger = logger
  }

  /** The declaration of a queue, which messages can reach late when it is made. */
  declarationOf(queue: TaskQueue): Declaration {
    const isDelayed = this.#topology.length > 0 && mayBeDelayed(queue)
    const declaration = taskQueueDeclaration(queue, isDelayed)
    if (!isDelayed) return declaration
    return {
      ...declaration,
      make: async (channel) => {
        await declaration.make(channel)
        this.#add(queue, declaration)
      },
    }
  }

  /** Declares what messages wait in, and again on every connection to come. What is refused is told: they wait with consumers then. */
  async declare(declarations: Declarations): Promise<boolean> {
    try {
      for (const declaration of this.#topology) await declarations.remember(declaration)
      return true
    } catch (error) {
      const { message } = error as Error
      if (this.#told === message || LovageError.is(error, 'STORE_CLOSED')) return false
      this.#told = message
      this.#logger.warn({ error: message }, 'there is no delayed delivery: tasks with an ETA wait in workers')
      return false
    }
  }

  /** Before anything is sent. Undefined when nobody has to wait: none is to be delayed, or everything is there. */
  ready(declarations: Declarations, publications: readonly Publication[]): Promise<unknown> | undefined {
    if (this.#topology.length === 0 || this.#isThere) return undefined
    if (!publications.some((publication) => this.#key(publication, 0) !== undefined)) return undefined
    this.#declaring ??= this.declare(declarations).then((isThere) => {
      this.#isThere = isThere
      this.#declaring = undefined
      return isThere
    })
    return this.#declaring
  }

  /** Where a message goes now. @param sinceMs the time for which it has waited here */
  addressOf(publication: Publication, sinceMs: number): Address {
    const routingKey = this.#isThere ? this.#key(publication, sinceMs) : undefined
    return routingKey === undefined ? publication : { exchange: entrance, routingKey }
  }

  /** Everything that a message needs on its way; none for one that is not delayed. */
  wayOf({ exchange, delayMs }: Publication): readonly Declaration[] {
    const queues = this.#queues.get(exchange)
    return !this.#isThere || delayMs === undefined || queues === undefined ? [] : [...this.#topology, ...queues.values()]
  }

  #add({ exchange, routingKey }: TaskQueue, declaration: Declaration): void {
    const bound = this.#queues.get(exchange) ?? new Map<string, Declaration>()
    this.#queues.set(exchange, bound.set(routingKey, declaration))
  }

  /** Only where a queue is known that takes it: others may not be bound for what comes late, and it would be lost. */
  #key({ exchange, routingKey, delayMs }: Publication, sinceMs: number): string | undefined {
    if (delayMs === undefined) return undefined
    const bindings = this.#queues.get(exchange)
    if (bindings === undefined) return undefined
    const isTaken = bindings.has(routingKey) || [...bindings.keys()].some((binding) => matchesTopic(binding, routingKey))
    if (!isTaken) return undefined
    // What is too early by a part of a second waits for it with its consumer; nothing comes late.
    const key = delayedRoutingKey(Math.floor((delayMs - sinceMs) / 1000), routingKey)
    return key === undefined || Buffer.byteLength(key) > longestKeyBytes ? undefined : key
  }
}

/** Whether it is on its way to wait. */
export function isDelayed({ exchange }: Address): boolean {
  return exchange === entrance
}

/** A message as it was before it waited, whoever sent it. */
export function beforeDelay(arrival: Arrival, queue: TaskQueue): Arrival {
  if (!isAfterDelay(arrival.exchange)) return arrival
  const { properties } = arrival
  const address = mayBeDelayed(queue)
    ? { exchange: queue.exchange, routingKey: routingKeyBeforeDelay(arrival.routingKey) }
    : { exchange: '', routingKey: queue.name }
  return { ...arrival, ...address, properties: { ...properties, headers: headersBeforeDelay(properties.headers) } }
}
