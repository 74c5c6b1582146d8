/** Exchanges and queues with exactly the flags of Celery: another flag or argument, and the broker refuses the declaration. */
import type { Channel } from 'amqplib'
import type { Mailbox, MailboxBinding, TaskQueue } from '../transport.ts'
import { fieldTable } from './field-table.ts'

/** Something that is declared as a whole. */
export interface Declaration {
  /** Equal for equal declarations. */
  readonly key: string
  /** For people: `queue "celery" (durable)`. */
  readonly shown: string
  make(channel: Channel): Promise<void>
}

/** @see celery.md, section 2: durable, on an exchange of its own, bound by its key */
export function taskQueueDeclaration(queue: TaskQueue): Declaration {
  const { name, exchange, exchangeType, routingKey, autoDelete = false } = queue
  const flags = ['durable', ...(autoDelete ? ['auto-delete'] : []), ...argumentsShown(queue.arguments)]
  return {
    key: JSON.stringify(['queue', name, exchange, exchangeType, routingKey, autoDelete, queue.arguments]),
    shown: `queue "${name}" (${flags.join(', ')}) on exchange "${exchange}" (${exchangeType}, durable)`,
    async make(channel) {
      if (exchange !== '') await channel.assertExchange(exchange, exchangeType, { durable: true })
      await channel.assertQueue(name, { durable: true, autoDelete, arguments: fieldTable(queue.arguments) })
      if (exchange !== '') await channel.bindQueue(name, exchange, routingKey)
    },
  }
}

export function exchangeDeclaration({ exchange, exchangeType, exchangeDurable }: MailboxBinding): Declaration {
  const durable = exchangeDurable
  return {
    key: JSON.stringify(['exchange', exchange, exchangeType, durable]),
    shown: `exchange "${exchange}" (${exchangeType}, ${durable ? 'durable' : 'not durable'})`,
    async make(channel) {
      await channel.assertExchange(exchange, exchangeType, { durable })
    },
  }
}

/** Its own exchange included. Exclusive, as Celery declares it from 5.7 on: it has one owner and dies with it. */
export function mailboxDeclaration({ name, binding, expiresMs, messageTtlMs }: Mailbox): Declaration {
  const limits = { 'x-expires': expiresMs, ...(messageTtlMs === undefined ? {} : { 'x-message-ttl': messageTtlMs }) }
  return {
    key: JSON.stringify(['mailbox', name, binding, limits]),
    shown: `queue "${name}" (exclusive, auto-delete, ${argumentsShown(limits).join(', ')})`,
    async make(channel) {
      if (binding !== undefined) await exchangeDeclaration(binding).make(channel)
      await channel.assertQueue(name, { durable: false, autoDelete: true, exclusive: true, arguments: fieldTable(limits) })
      if (binding === undefined) return
      for (const key of binding.routingKeys) await channel.bindQueue(name, binding.exchange, key)
    },
  }
}

function argumentsShown(table: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(table).map(([name, value]) => `${name} ${String(value)}`)
}
