/** Messages that must arrive: each is sent until the broker confirms it, over lost connections and closed channels. */
import { ConfigError, type Logger, type LovageError, StoreError, TaskError } from '@lovage/core'
import type { ConfirmChannel, Message } from 'amqplib'
import type { Publication } from '../transport.ts'
import { bufferOf, publishOptions } from './amqp-message.ts'
import type { Address } from './delays.ts'
import { OwnChannel } from './own-channel.ts'

/** The messages of one call. */
interface Batch {
  left: number
  /** Those that are in flight or confirmed. */
  written: number
  readonly signal: AbortSignal | undefined
  isWithdrawn: boolean
  resolve(): void
  reject(error: Error): void
}

interface Entry {
  readonly publication: Publication
  readonly batch: Batch
  /** When it was given to be sent. */
  readonly since: number
  /** Where it went when it was sent last. */
  sentTo: Address
  /** Its channel was closed by the broker, and it may have been the reason. */
  isSuspect: boolean
  /** The broker gave it back: no queue takes it. */
  isReturned: boolean
  wasReturned: boolean
  /** What it needs on its way is declared again before it is sent again. */
  isRestoring: boolean
}

/** What the publisher asks of its surroundings. */
export interface PublisherWorld {
  readonly logger: Logger
  /** Whether answers to what is sent would be heard; `flow` of the lodging follows when they are. */
  isReady(): boolean
  /** Where it goes now. @param sinceMs the time for which it has waited here */
  addressOf(publication: Publication, sinceMs: number): Address
  /** Whether a queue that was declared here should take it. */
  isExpected(address: Address): boolean
  /** Declares again what it needs on its way. */
  restore(publication: Publication): Promise<void>
}

export class Publisher {
  readonly lodging: OwnChannel<ConfirmChannel>
  readonly #world: PublisherWorld
  /** Next ones last. */
  #outbox: Entry[] = []
  #inbox: Entry[] = []
  /** Sent and not confirmed, in their order. */
  readonly #inFlight = new Set<Entry>()
  #isScheduled = false
  #isFull = false
  #isClosed = false
  #onIdle: (() => void) | undefined

  constructor(world: PublisherWorld) {
    this.#world = world
    this.lodging = new OwnChannel(
      {
        purpose: 'publishing',
        open: (connection) => connection.confirmChannel(),
        begin: async (channel) => this.#begin(channel),
        ended: (_, cause) => this.#ended(cause),
        flow: () => this.#soon(),
      },
      world.logger,
    )
  }

  /**
   * Resolves when the broker has confirmed all of them.
   * @param since for `performance.now()`: from when on their delays count
   * @param signal withdraws them while none is confirmed or on its way; then this rejects with its reason
   */
  async publish(publications: readonly Publication[], since = performance.now(), signal?: AbortSignal): Promise<void> {
    if (publications.length === 0) return
    if (this.#isClosed) throw closedHere(0)
    let withdraw: () => void = () => {}
    try {
      await new Promise<void>((resolve, reject) => {
        const batch: Batch = { left: publications.length, written: 0, signal, isWithdrawn: false, resolve, reject }
        withdraw = () => this.#withdraw(batch)
        signal?.addEventListener('abort', withdraw)
        this.#take(publications, batch, since)
      })
    } finally {
      signal?.removeEventListener('abort', withdraw)
    }
  }

  #take(publications: readonly Publication[], batch: Batch, since: number): void {
    if (!isWanted(batch)) return
    for (const publication of publications) {
      this.#inbox.push({
        publication,
        batch,
        since,
        sentTo: publication,
        isSuspect: false,
        isReturned: false,
        wasReturned: false,
        isRestoring: false,
      })
    }
    this.#soon()
  }

  #withdraw(batch: Batch): void {
    if (isWanted(batch)) return
    this.#outbox = this.#outbox.filter((entry) => entry.batch !== batch)
    this.#inbox = this.#inbox.filter((entry) => entry.batch !== batch)
    this.#idle()
  }

  /** Not written, or written in vain. */
  #back(entry: Entry): void {
    if (isWanted(entry.batch)) this.#outbox.push(entry)
    else this.#withdraw(entry.batch)
  }

  #idle(): void {
    if (this.#onIdle !== undefined && this.#count() === 0) this.#onIdle()
  }

  /** Resolves when everything is confirmed, or it was told to stop. */
  async drain(stop: AbortSignal): Promise<void> {
    this.#isClosed = true
    if (this.#count() > 0 && !stop.aborted) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
        stop.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    const error = closedHere(this.#count())
    for (const { batch } of [...this.#inFlight, ...this.#outbox, ...this.#inbox]) batch.reject(error)
    this.#inFlight.clear()
    this.#outbox = []
    this.#inbox = []
  }

  #count(): number {
    return this.#inFlight.size + this.#outbox.length + this.#inbox.length
  }

  #soon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #begin(channel: ConfirmChannel): void {
    this.#isFull = false
    channel.on('drain', () => {
      this.#isFull = false
      this.#soon()
    })
    channel.on('return', (message) => this.#returned(message))
    this.#soon()
  }

  #flush(): void {
    for (;;) {
      const { channel, connection } = this.lodging
      if (channel === undefined || this.#isFull || connection?.isBlocked() !== false) return
      if (!this.#world.isReady()) return
      const entry = this.#next()
      if (entry === undefined) return
      // One that closes channels is found out by sending it alone.
      const isAlone = entry.isSuspect || this.#hasSuspect()
      if (isAlone && this.#inFlight.size > 0) {
        this.#outbox.push(entry)
        return
      }
      this.#write(channel, entry)
    }
  }

  #next(): Entry | undefined {
    if (this.#outbox.length === 0) {
      this.#outbox = this.#inbox.reverse()
      this.#inbox = []
    }
    return this.#outbox.pop()
  }

  #hasSuspect(): boolean {
    const [first] = this.#inFlight
    return first?.isSuspect === true
  }

  #write(channel: ConfirmChannel, entry: Entry): void {
    const { publication } = entry
    const address =
      publication.delayMs === undefined ? publication : this.#world.addressOf(publication, performance.now() - entry.since)
    entry.sentTo = address
    const isExpected = this.#world.isExpected(address)
    try {
      const options = publishOptions(publication, isExpected)
      const onConfirm = (error: Error | null): void => this.#confirmed(entry, error)
      this.#inFlight.add(entry)
      entry.batch.written++
      this.#isFull = !channel.publish(address.exchange, address.routingKey, bufferOf(publication.body), options, onConfirm)
    } catch (error) {
      this.#inFlight.delete(entry)
      entry.batch.written--
      // On a channel that is closing nothing can be written; `ended` follows.
      if ((error as Error).name === 'IllegalOperationError') {
        this.#isFull = true
        this.#back(entry)
      } else this.#fail(entry, unwritable(publication, error))
    }
  }

  #confirmed(entry: Entry, error: Error | null): void {
    // Those of a closed channel are sent again by `ended`.
    if (error !== null && error.message !== 'message nacked') return
    if (!this.#inFlight.delete(entry)) return
    const { isSuspect } = entry
    entry.isSuspect = false
    if (error !== null) this.#fail(entry, refused(entry.publication, 'it has no room for it', error))
    else if (entry.isReturned) this.#restore(entry)
    else this.#done(entry)
    if (isSuspect || this.#outbox.length > 0) this.#soon()
  }

  #done({ batch }: Entry): void {
    batch.left--
    if (batch.left === 0) batch.resolve()
    this.#idle()
  }

  #fail(entry: Entry, error: LovageError): void {
    entry.batch.reject(error)
    this.#done(entry)
  }

  /** Comes before the confirmation; returns have the order of sending. */
  #returned(message: Message): void {
    for (const entry of this.#inFlight) {
      const { exchange, routingKey } = entry.sentTo
      const { fields, content } = message
      if (entry.isReturned || exchange !== fields.exchange || routingKey !== fields.routingKey) continue
      if (content.compare(bufferOf(entry.publication.body)) !== 0) continue
      entry.isReturned = true
      return
    }
  }

  /** Somebody deleted the queue: it is declared again, once. */
  #restore(entry: Entry): void {
    if (entry.wasReturned) {
      this.#fail(entry, refused(entry.publication, 'no queue takes it'))
      return
    }
    entry.isReturned = false
    entry.wasReturned = true
    entry.isRestoring = true
    this.#inFlight.add(entry)
    this.#world.restore(entry.publication).then(
      () => this.#again(entry),
      (error: LovageError) => {
        if (this.#isRestored(entry)) this.#fail(entry, error)
      },
    )
  }

  #again(entry: Entry): void {
    if (!this.#isRestored(entry)) return
    entry.batch.written--
    this.#back(entry)
    this.#soon()
  }

  /** False where its channel ended meanwhile: it was sent again on the next one. */
  #isRestored(entry: Entry): boolean {
    const isRestored = entry.isRestoring
    entry.isRestoring = false
    return isRestored && this.#inFlight.delete(entry)
  }

  #ended(cause: (Error & { readonly code?: unknown }) | undefined): void {
    this.#isFull = false
    const unconfirmed = [...this.#inFlight].reverse()
    this.#inFlight.clear()
    // 320 is an operator's word and none about what was sent; codes that are no numbers are the network's.
    const isBlamed = typeof cause?.code === 'number' && cause.code !== 320
    for (const { batch } of unconfirmed) batch.written--
    for (const entry of unconfirmed) {
      entry.isReturned = false
      entry.isRestoring = false
      if (!isWanted(entry.batch)) this.#withdraw(entry.batch)
      else if (isBlamed && entry.isSuspect) this.#found(entry, cause)
      else {
        entry.isSuspect = isBlamed
        this.#outbox.push(entry)
      }
    }
  }

  /** The one that closed the channel: where somebody deleted the exchange, that is declared again. */
  #found(entry: Entry, cause: Error & { readonly code?: unknown }): void {
    if (cause.code !== 404 || entry.wasReturned || !this.#world.isExpected(entry.sentTo)) {
      this.#fail(entry, refused(entry.publication, cause.message, cause))
      return
    }
    entry.isSuspect = false
    entry.batch.written++
    this.#restore(entry)
  }
}

/** Whether its messages are to be written: the signal withdraws them while none is confirmed or on its way. */
function isWanted(batch: Batch): boolean {
  if (batch.signal?.aborted !== true || batch.written > 0) return !batch.isWithdrawn
  batch.isWithdrawn = true
  batch.reject(batch.signal.reason)
  return false
}

function refused(publication: Publication, got: string, cause?: Error): LovageError {
  const { exchange, routingKey } = publication
  const text = `expected RabbitMQ to take a message for exchange "${exchange}" with the key "${routingKey}", got: ${got}`
  const options = { cause, subject: routingKey }
  if (/larger than configured max size/.test(got)) return new TaskError('PAYLOAD_TOO_LARGE', text, options)
  if (/NOT_FOUND|PRECONDITION_FAILED|COMMAND_INVALID/.test(got)) return new ConfigError('OPTION_INVALID', text, options)
  return new StoreError('STORE_UNAVAILABLE', text, options)
}

function unwritable({ routingKey }: Publication, cause: unknown): LovageError {
  const got = (cause as Error).message
  const text = `expected headers and names that AMQP can carry for the message with the key "${routingKey}", got: ${got}`
  if (/encoding buffer/.test(got)) return new TaskError('PAYLOAD_TOO_LARGE', text, { cause, subject: routingKey })
  return new ConfigError('OPTION_INVALID', text, { cause, subject: routingKey })
}

function closedHere(count: number): StoreError {
  const left = count === 0 ? '' : ` with ${count} messages that it has not confirmed`
  return new StoreError('STORE_CLOSED', `expected an open connection to RabbitMQ, got: it was closed here${left}`)
}
