/** The transport port of this room: what Celery asks of a message broker, in kombu's words. RabbitMQ and Redis implement it. */

/** Header values are what both an AMQP table and JSON can carry. */
export type Headers = Readonly<Record<string, unknown>>

export interface MessageProperties {
  readonly contentType: string
  /** `utf-8`, `binary`. */
  readonly contentEncoding: string
  readonly headers: Headers
  readonly correlationId?: string | undefined
  readonly replyTo?: string | undefined
  /** 2 survives a restart of the broker. */
  readonly deliveryMode?: 1 | 2 | undefined
  /** As the wire has it: larger is more urgent on RabbitMQ, less urgent on Redis. */
  readonly priority?: number | undefined
  /** Milliseconds after which the broker may drop it. */
  readonly expirationMs?: number | undefined
}

export interface Publication {
  /** Empty: the default exchange, whose routing keys are names of queues. */
  readonly exchange: string
  readonly routingKey: string
  readonly properties: MessageProperties
  /** As it goes over the wire: serialised, and compressed if `headers.compression` says so. */
  readonly body: Uint8Array
  /** Milliseconds until it is due. A transport may keep it for so long, at the most; otherwise it comes, and waits with its consumer. */
  readonly delayMs?: number | undefined
}

/** A message as it came. */
export interface Arrival extends Publication {
  readonly redelivered: boolean
}

/** A task message as it came, to be settled once. */
export interface TaskArrival extends Arrival {
  readonly queue: string
  /**
   * Resolves when it is as safe as the transport makes it. False if the message is no longer this consumer's because its
   * connection broke: the broker delivers it again. Concurrent settlements are batched.
   */
  settle(verdict: 'ack' | 'reject' | 'requeue'): Promise<boolean>
}

/** A task queue with the exchange and key that lead to it; declared with exactly the flags of Celery. */
export interface TaskQueue {
  readonly name: string
  readonly exchange: string
  readonly exchangeType: 'direct' | 'topic' | 'fanout'
  readonly routingKey: string
  /** Arguments of the queue, for example `x-max-priority` or `x-queue-type`. */
  readonly arguments: Readonly<Record<string, string | number | boolean>>
  /** Made for one consumer and gone with it (`bcast.<uuid>`). Default false. */
  readonly autoDelete?: boolean | undefined
}

/** A queue of one owner that lives as long as the owner listens: commands, replies, events, results. */
export interface Mailbox {
  readonly name: string
  /** Undefined: reached through the default exchange only. */
  readonly binding?: MailboxBinding | undefined
  readonly expiresMs: number
  readonly messageTtlMs?: number | undefined
}

export interface MailboxBinding {
  readonly exchange: string
  readonly exchangeType: 'direct' | 'topic' | 'fanout'
  readonly exchangeDurable: boolean
  readonly routingKeys: readonly string[]
}

export interface InflowOptions {
  readonly queues: readonly TaskQueue[]
  /** The most messages that may be unsettled; 0 is without a limit. */
  readonly prefetch: number
}

/** What an inflow tells. None of these may throw. */
export interface InflowListener {
  deliver(arrivals: readonly TaskArrival[]): void
  /** The connection broke: nothing that was delivered can be settled any more. What comes back is delivered again. */
  lost(): void
}

/** Task messages on their way to one worker. */
export interface Inflow {
  setPrefetch(prefetch: number): void
  /** Stops new deliveries; those delivered can still be settled. */
  pause(): void
  resume(): void
  add(queue: TaskQueue): Promise<void>
  cancel(queue: string): Promise<void>
  /** What was not settled goes back to its queue. */
  close(): Promise<void>
}

/** What a transport tells of its connection. */
export interface LinkListener {
  /** With its cause. It tries again for ever, after 0, 2, 4, ... 32 seconds. */
  lost(error: Error): void
  /** Everything that was declared, consumed and listened to is in place again. */
  back(): void
}

export interface Transport {
  readonly kind: 'amqp' | 'redis'
  /** Whether a smaller priority is more urgent. */
  readonly smallIsUrgent: boolean
  /** Makes sure that a task queue is there; once per connection. @throws {ConfigError} when it is there with other flags */
  declare(queue: TaskQueue): Promise<void>
  /**
   * Resolves when every message is safe with the broker; waits for a broken connection to come back. Batched with concurrent calls.
   * @param signal withdraws them, as of `TaskBus.send`
   */
  publish(publications: readonly Publication[], signal?: AbortSignal): Promise<void>
  /** At most once, never waits and never throws: what cannot be sent now is kept, up to a bound, until the connection is back. */
  tell(exchange: MailboxBinding | undefined, publication: Publication): void
  consume(options: InflowOptions, listener: InflowListener): Promise<Inflow>
  /** Hears what comes to a mailbox until the answer is called; after a broken connection again by itself. */
  listen(mailbox: Mailbox, onArrival: (arrival: Arrival) => void): Promise<() => Promise<void>>
  /** The answer ends it. */
  watch(listener: LinkListener): () => void
  /** Ends everything and gives back what was not settled. May be called twice. */
  close(): Promise<void>
}
