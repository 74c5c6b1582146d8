/** Exchanges and queues with exactly the flags of Celery: another flag or argument, and the broker refuses the declaration. */
import type { Channel } from 'amqplib'
import type { Mailbox, MailboxBinding, TaskQueue } from '../transport.ts'
import { delayBindingKey, delayedDelivery, delayName, highestDelayLevel } from '../wire/delayed-delivery.ts'
import { fieldTable } from './field-table.ts'

/** Something that is declared as a whole. */
export interface Declaration {
  /** Equal for equal declarations. */
  readonly key: string
  /** For people: `queue "celery" (durable)`. */
  readonly shown: string
  make(channel: Channel): Promise<void>
}

/**
 * @see celery.md, section 2: durable, on an exchange of its own, bound by its key
 * @param isDelayed whether native delayed delivery is to reach it
 */
export function taskQueueDeclaration(queue: TaskQueue, isDelayed = false): Declaration {
  const { name, exchange, exchangeType, routingKey, autoDelete = false } = queue
  const comesLate = isDelayed && mayBeDelayed(queue)
  const flags = ['durable', ...(autoDelete ? ['auto-delete'] : []), ...argumentsShown(queue.arguments)]
  return {
    key: JSON.stringify(['queue', name, exchange, exchangeType, routingKey, autoDelete, comesLate, queue.arguments]),
    shown: `queue "${name}" (${flags.join(', ')}) on exchange "${exchange}" (${exchangeType}, durable)`,
    async make(channel) {
      if (exchange !== '') await channel.assertExchange(exchange, exchangeType, { durable: true })
      await channel.assertQueue(name, { durable: true, autoDelete, arguments: fieldTable(queue.arguments) })
      if (exchange !== '') await channel.bindQueue(name, exchange, routingKey)
      if (!comesLate) return
      const key = lateBindingKey(routingKey)
      await channel.assertExchange(delayedDelivery, 'topic', { durable: true })
      await channel.bindExchange(exchange, delayedDelivery, key)
      await channel.bindQueue(name, exchange, key)
    },
  }
}

/** Celery leaves out direct exchanges: they do not match the longer key with which a message comes out. */
export function mayBeDelayed({ exchange, exchangeType }: TaskQueue): boolean {
  return exchange !== '' && exchangeType !== 'direct'
}

function lateBindingKey(routingKey: string): string {
  return routingKey.startsWith('#') ? routingKey : `#.${routingKey}`
}

/** The queues and exchanges of native delayed delivery, the last first: none leads to one that is not there yet. @see celery.md, section 9 */
export function delayDeclarations(queueType: 'quorum' | 'classic'): readonly Declaration[] {
  return Array.from({ length: highestDelayLevel + 1 }, (_, level) => delayDeclaration(level, queueType))
}

function delayDeclaration(level: number, queueType: 'quorum' | 'classic'): Declaration {
  const name = delayName(level)
  const next = level === 0 ? delayedDelivery : delayName(level - 1)
  const table = {
    'x-queue-type': queueType,
    'x-overflow': 'reject-publish',
    'x-message-ttl': 2 ** level * 1000,
    'x-dead-letter-exchange': next,
    ...(queueType === 'quorum' ? { 'x-dead-letter-strategy': 'at-least-once' } : {}),
  }
  return {
    key: JSON.stringify(['delay', level, queueType]),
    shown: `queue "${name}" (durable, ${argumentsShown(table).join(', ')}) on exchange "${name}" (topic, durable)`,
    async make(channel) {
      if (level === 0) await channel.assertExchange(next, 'topic', { durable: true })
      await channel.assertExchange(name, 'topic', { durable: true })
      await channel.assertQueue(name, { durable: true, arguments: fieldTable(table) })
      await channel.bindQueue(name, name, delayBindingKey(level, 1))
      await channel.bindExchange(next, name, delayBindingKey(level, 0))
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
