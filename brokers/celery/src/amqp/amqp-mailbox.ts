/** A queue of one owner that is listened to until it is closed, over lost connections, under the same name. */
import { type Logger, LovageError } from '@lovage/core'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { Arrival, Mailbox } from '../transport.ts'
import type { AmqpLink, Connection } from './amqp-link.ts'
import { arrivalOf } from './amqp-message.ts'
import { refusedConsumer } from './consumers.ts'
import type { Declarations } from './declarations.ts'
import { OwnChannel } from './own-channel.ts'
import { mailboxDeclaration } from './topology.ts'

/** What a mailbox stands on. */
export interface MailboxWorld {
  readonly link: AmqpLink
  readonly declarations: Declarations
  readonly logger: Logger
}

/** The broker takes a moment to find out that the connection which had the queue is gone. */
const retryMs = 100
const mostRetries = 30

/** Resolves when it is listened to. @throws {ConfigError} QUEUE_MISMATCH when another program has a queue of this name */
export async function openMailbox(
  { link, declarations, logger }: MailboxWorld,
  mailbox: Mailbox,
  onArrival: (arrival: Arrival) => void,
): Promise<() => Promise<void>> {
  const declaration = mailboxDeclaration(mailbox)
  const lodging: OwnChannel<Channel> = new OwnChannel<Channel>(
    {
      purpose: mailbox.name,
      open: (connection) => connection.channel(),
      async begin(channel, connection) {
        await declared(connection)
        const take = (message: ConsumeMessage | null): void => {
          if (message === null) lodging.restart(channel)
          else hear(arrivalOf(message))
        }
        await channel.consume(mailbox.name, take, { noAck: true }).catch((error) => {
          throw refusedConsumer(mailbox.name, error)
        })
      },
      ended: () => {},
    },
    logger,
  )

  async function declared(connection: Connection): Promise<void> {
    for (let retries = 0; ; retries++) {
      try {
        return await declarations.again(connection, declaration)
      } catch (error) {
        const isTaken = LovageError.is(error, 'QUEUE_MISMATCH') && error.retryable
        if (!isTaken || retries >= mostRetries || lodging.connection !== connection) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }

  function hear(arrival: Arrival): void {
    try {
      onArrival(arrival)
    } catch (error) {
      logger.error({ mailbox: mailbox.name, error: String(error) }, 'a message could not be dealt with')
    }
  }

  await link.lodge(lodging)
  // Without a connection it entered none: it does when there is one.
  await link.up()
  return async () => {
    link.dislodge(lodging)
    await lodging.close()
  }
}
