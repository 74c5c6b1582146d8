/** Messages to listeners in this process and, over a topic exchange, in others. */
import { randomBytes } from 'node:crypto'
import { StoreError } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { BrokerLink, Connection, Lodger } from './broker-link.ts'
import { channelKey, type Names } from './names.ts'

/** The routing key on which processes say that they begin to listen; channels have keys that begin otherwise. */
const heardKey = 'heard'
/** What waits beyond this is dropped: the broker does not take it, and messages are hints. */
const mostWaiting = 10_000
const mostUnheard = 10_000

interface Subscription {
  readonly listener: (message: string) => void
  isLive: boolean
}

interface Letter {
  readonly key: string
  readonly message: string
}

export class RabbitmqPubsub implements Lodger {
  readonly #link: BrokerLink
  readonly #names: Names
  readonly #origin = randomBytes(9).toString('base64url')
  readonly #channels = new Map<string, Set<Subscription>>()
  /** The channels that are subscribed to, by routing key. */
  readonly #byKey = new Map<string, string>()
  /** Routing keys of which the broker said that nobody listens, and nobody has said otherwise since. */
  readonly #unheard = new Set<string>()
  /** In the order of publishing; the same words on the same channel once in a tick. */
  #outbox = new Map<string, Letter>()
  #inbox = ''
  #connections = 0
  #broker: Channel | undefined
  #isFull = false
  #isClosed = false

  constructor(link: BrokerLink, names: Names) {
    this.#link = link
    this.#names = names
  }

  publish(channel: string, message: string): void {
    if (this.#isClosed) return
    this.#deliver(channel, message)
    const key = channelKey(channel)
    if (this.#broker === undefined || this.#outbox.size >= mostWaiting) return
    if (this.#outbox.size === 0 && !this.#isFull) setImmediate(() => this.flush())
    this.#outbox.set(`${key} ${message}`, { key, message })
  }

  /** Writes what was published in this tick. */
  flush(): void {
    const letters = [...this.#outbox.values()]
    this.#outbox.clear()
    for (const { key, message } of letters) this.#write(key, message)
  }

  async subscribe(channel: string, listener: (message: string) => void): Promise<() => void> {
    if (this.#isClosed)
      throw new StoreError('STORE_CLOSED', `expected an open signal to subscribe to ${channel}, got a closed one`)
    const subscription = { listener, isLive: true }
    const all = this.#channels.get(channel) ?? new Set()
    this.#channels.set(channel, all.add(subscription))
    this.#byKey.set(channelKey(channel), channel)
    // Also when others have subscribed already: their binding may be on its way still.
    await this.#link.work(() => this.#bind([channelKey(channel)]))
    return () => {
      subscription.isLive = false
      if (!all.delete(subscription) || all.size > 0 || this.#channels.get(channel) !== all) return
      this.#channels.delete(channel)
      this.#unbind(channelKey(channel))
    }
  }

  heard(channel: string): boolean {
    return this.#channels.has(channel) || (this.#broker !== undefined && !this.#unheard.has(channelKey(channel)))
  }

  async enter(connection: Connection): Promise<void> {
    const broker = await connection.channel()
    this.#unheard.clear()
    broker.on('return', (message) => this.#returned(message.fields.routingKey))
    broker.on('drain', () => {
      this.#isFull = false
      this.flush()
    })
    broker.on('close', () => this.#refused(broker))
    await broker.assertExchange(this.#names.signal, 'topic', { durable: true })
    // The broker may hold on to the last one for a while.
    const name = `${this.#names.signal}.${this.#origin}.${++this.#connections}`
    const { queue } = await broker.assertQueue(name, { exclusive: true, autoDelete: true, durable: false })
    this.#inbox = queue
    this.#broker = broker
    this.#isFull = false
    await this.#bind([heardKey, ...this.#byKey.keys()])
    await broker.consume(queue, (message) => this.#take(broker, message), { noAck: true })
  }

  leave(): void {
    this.#broker = undefined
    this.#outbox.clear()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const all of this.#channels.values()) for (const subscription of all) subscription.isLive = false
    this.#channels.clear()
    this.flush()
    this.#link.dislodge(this)
    const broker = this.#broker
    this.#broker = undefined
    // What was written before is with the broker when it has closed the channel.
    await broker?.close().catch(() => {})
  }

  /** Binds, and tells those who believe that nobody listens. */
  async #bind(keys: readonly string[]): Promise<void> {
    const broker = this.#broker
    if (broker === undefined) return
    await Promise.all(keys.map((key) => broker.bindQueue(this.#inbox, this.#names.signal, key)))
    const channels = keys.filter((key) => key !== heardKey)
    if (channels.length > 0) this.#write(heardKey, channels.join('\n'))
  }

  #unbind(key: string): void {
    this.#byKey.delete(key)
    this.#broker?.unbindQueue(this.#inbox, this.#names.signal, key).catch(() => {})
  }

  #write(key: string, message: string): void {
    const broker = this.#broker
    if (broker === undefined) return
    try {
      // Mandatory: what nobody listens to comes back.
      const options = { mandatory: true, appId: this.#origin, persistent: false }
      this.#isFull = !broker.publish(this.#names.signal, key, Buffer.from(message), options)
    } catch {
      // The channel is closing; the message is lost with it.
    }
  }

  #returned(key: string): void {
    if (this.#unheard.size >= mostUnheard) this.#unheard.clear()
    this.#unheard.add(key)
  }

  /** The broker goes on with the connection, not with the channel. */
  #refused(broker: Channel): void {
    if (this.#broker !== broker) return
    this.leave()
    this.#link.again((connection) => this.enter(connection))
  }

  #take(broker: Channel, message: ConsumeMessage | null): void {
    if (message === null) {
      // Somebody deleted the queue.
      broker.close().catch(() => {})
      return
    }
    // This process has heard its own already.
    if (message.properties.appId === this.#origin) return
    const { routingKey } = message.fields
    const text = message.content.toString()
    if (routingKey === heardKey) for (const key of text.split('\n')) this.#unheard.delete(key)
    else {
      const channel = this.#byKey.get(routingKey)
      if (channel !== undefined) this.#deliver(channel, text)
    }
  }

  /** Delivers after the publisher's own step; a listener that throws neither stops the others nor goes unnoticed. */
  #deliver(channel: string, message: string): void {
    for (const subscription of this.#channels.get(channel) ?? []) {
      queueMicrotask(() => {
        if (subscription.isLive) subscription.listener(message)
      })
    }
  }
}
