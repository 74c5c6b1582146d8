/** Messages that may be lost: sent at once, kept up to a bound while the broker is away. */
import type { Logger } from '@lovage/core'
import type { Channel } from 'amqplib'
import type { MailboxBinding, Publication } from '../transport.ts'
import type { Connection } from './amqp-link.ts'
import { bufferOf, publishOptions } from './amqp-message.ts'
import type { Declarations } from './declarations.ts'
import { OwnChannel } from './own-channel.ts'
import { exchangeDeclaration } from './topology.ts'

interface Word {
  readonly exchange: MailboxBinding | undefined
  readonly publication: Publication
}

const mostKept = 10_000

export class Teller {
  readonly lodging: OwnChannel<Channel>
  readonly #declarations: Declarations
  readonly #logger: Logger
  #kept: Word[] = []
  #isScheduled = false
  #isFull = false
  #isOver = false
  /** Exchanges that were declared on the connection that is there, or could not be. */
  readonly #declared = new Set<string>()
  /** What is waited for before more is sent. */
  #declaring: Promise<void> | undefined

  constructor(declarations: Declarations, logger: Logger) {
    this.#declarations = declarations
    this.#logger = logger
    this.lodging = new OwnChannel(
      {
        purpose: 'events and replies',
        open: (connection) => connection.channel(),
        begin: async (channel) => this.#begin(channel),
        ended: () => {},
        flow: () => this.#soon(),
      },
      logger,
    )
  }

  tell(exchange: MailboxBinding | undefined, publication: Publication): void {
    this.#kept.push({ exchange, publication })
    if (this.#kept.length > mostKept) this.#drop()
    this.#soon()
  }

  /** Resolves when what can be sent is written. */
  async drain(): Promise<void> {
    this.#flush()
    await this.#declaring
  }

  #drop(): void {
    // Some at a time: the start of a long list is dear to cut.
    this.#kept = this.#kept.slice(-mostKept * 0.9)
    if (this.#isOver) return
    this.#isOver = true
    this.#logger.warn({ kept: mostKept }, 'RabbitMQ is away for long: the oldest events and replies are dropped')
  }

  #soon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #begin(channel: Channel): void {
    this.#isFull = false
    this.#declared.clear()
    channel.on('drain', () => {
      this.#isFull = false
      this.#soon()
    })
    this.#soon()
  }

  #flush(): void {
    if (this.#declaring !== undefined) return
    const words = this.#kept
    let sent = 0
    for (const word of words) {
      const { channel, connection } = this.lodging
      if (channel === undefined || this.#isFull || connection?.isBlocked() !== false) break
      if (word.exchange !== undefined && !this.#declared.has(word.exchange.exchange)) {
        this.#declare(connection, word.exchange)
        break
      }
      this.#write(channel, word.publication)
      sent++
    }
    if (sent > 0) this.#kept = words.slice(sent)
    if (this.#kept.length === 0) this.#isOver = false
  }

  /** The rest waits for it. */
  #declare(connection: Connection, binding: MailboxBinding): void {
    this.#declaring = this.#declarations
      .on(connection, exchangeDeclaration(binding))
      .catch((error: Error) =>
        this.#logger.warn({ error: error.message }, 'an exchange for events or replies is not as it should be'),
      )
      .then(() => {
        this.#declaring = undefined
        if (this.lodging.connection === connection) this.#declared.add(binding.exchange)
        this.#flush()
      })
  }

  #write(channel: Channel, publication: Publication): void {
    try {
      const { exchange, routingKey, body } = publication
      this.#isFull = !channel.publish(exchange, routingKey, bufferOf(body), publishOptions(publication, false))
    } catch (error) {
      this.#logger.warn({ error: (error as Error).message }, 'a message could not be written and is dropped')
    }
  }
}
