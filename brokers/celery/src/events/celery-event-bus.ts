/** The event bus over Celery's exchange of events: task events of one turn travel together, all others alone. */
import { type EventBus, matchesPattern, type WorkerEvent } from '@lovage/core'
import type { Member } from '../member.ts'
import type { MailboxBinding } from '../transport.ts'
import { decodeEvents, encodeEvent, encodeEventBatch } from '../wire/event-message.ts'
import { eventFromWire, eventToWire } from './event-words.ts'

/** Celery's limit of a batch. */
const mostInBatch = 24
/** Celery's, in milliseconds: how long a listener's queue outlives it, and how long events wait for it. */
const queueExpiresMs = 60_000
const eventTtlMs = 5000

export class CeleryEventBus implements EventBus {
  readonly knowsListeners: boolean
  readonly #member: Member
  readonly #binding: Omit<MailboxBinding, 'routingKeys'>
  /** Task events of this turn, by worker. */
  readonly #gathered = new Map<string, WorkerEvent[]>()
  readonly #captures = new Set<() => Promise<void>>()
  #closed: Error | undefined

  constructor(member: Member) {
    this.#member = member
    // Nobody knows who listens; the setting says that task events are wanted all the same.
    this.knowsListeners = member.settings.worker_send_task_events
    this.#binding = { exchange: member.settings.event_exchange, exchangeType: 'topic', exchangeDurable: true }
  }

  emit(event: WorkerEvent): void {
    if (this.#closed !== undefined) return
    if (event.type.startsWith('task-')) {
      this.#gather(event)
      return
    }
    // Nothing is told out of its turn.
    this.flush()
    this.#send([event])
  }

  wanted(): boolean {
    return this.#closed === undefined
  }

  async capture(patterns: readonly string[], handler: (event: WorkerEvent) => void): Promise<() => Promise<void>> {
    if (this.#closed !== undefined) throw this.#closed
    const { transport, settings, newId } = this.#member
    const name = `${settings.event_queue_prefix}.${newId()}`
    const binding = { ...this.#binding, routingKeys: routingKeys(patterns) }
    let isOver = false
    const end = await transport.listen({ name, binding, expiresMs: queueExpiresMs, messageTtlMs: eventTtlMs }, (arrival) => {
      for (const message of decodeEvents(arrival)) {
        const event = eventFromWire(message, this.#member.clock.now())
        if (!isOver && patterns.some((pattern) => matchesPattern(pattern, event.type))) handler(event)
      }
    })
    const leave = async (): Promise<void> => {
      isOver = true
      if (this.#captures.delete(leave)) await end()
    }
    this.#captures.add(leave)
    if (this.#closed !== undefined) {
      await leave()
      throw this.#closed
    }
    return leave
  }

  /** Sends what was gathered in this turn. */
  flush(): void {
    for (const events of this.#gathered.values()) {
      for (let from = 0; from < events.length; from += mostInBatch) this.#send(events.slice(from, from + mostInBatch), true)
    }
    this.#gathered.clear()
  }

  /** Ends what is captured; captures after it are refused with the error. */
  async close(error: Error): Promise<void> {
    this.flush()
    this.#closed = error
    await Promise.all([...this.#captures].map((leave) => leave()))
  }

  #gather(event: WorkerEvent): void {
    if (this.#gathered.size === 0) setImmediate(() => this.flush())
    const gathered = this.#gathered.get(event.worker)
    if (gathered === undefined) this.#gathered.set(event.worker, [event])
    else gathered.push(event)
  }

  #send(events: readonly WorkerEvent[], isBatch = false): void {
    const { held, logger, transport } = this.#member
    const [first] = events
    if (first === undefined) return
    try {
      const messages = events.map((event) => eventToWire(event, held))
      const { exchange } = this.#binding
      const single = messages[0] as (typeof messages)[number]
      const publication = isBatch ? encodeEventBatch(messages, first.worker, 'task', exchange) : encodeEvent(single, exchange)
      transport.tell({ ...this.#binding, routingKeys: [] }, publication)
    } catch (error) {
      logger.warn({ error, type: first.type }, `an event of type ${first.type} was dropped: it is not JSON`)
    }
  }
}

/** Batches have keys of their own, so that a group is heard as a whole. */
function routingKeys(patterns: readonly string[]): readonly string[] {
  const groups = patterns.map((pattern) => /^([^*?-]+)-/.exec(pattern)?.[1])
  if (groups.some((group) => group === undefined)) return ['#']
  return [...new Set(groups)].map((group) => `${group}.#`)
}
