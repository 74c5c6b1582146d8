/** The words of native delayed delivery: routing keys of a delay in seconds, one binary digit for each queue on the way; headers. */
import type { Headers } from '../transport.ts'

/** The queues on the way, numbered from here down to 0; the message waits 2^n seconds in each whose digit is 1. */
export const highestDelayLevel = 27
/** The longest delay in seconds. */
export const longestDelay = 2 ** (highestDelayLevel + 1) - 1

/** The exchange, and the queue, of a level. */
export function delayName(level: number): string {
  return `celery_delayed_${level}`
}

/** Where messages come out. */
export const delayedDelivery = 'celery_delayed_delivery'

/**
 * The key under which a message is published to the highest level. Undefined for delays that are not whole seconds from 1 to
 * `longestDelay`: such a message goes the normal way, with its ETA.
 * @see https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html#native-delayed-delivery
 */
export function delayedRoutingKey(seconds: number, routingKey: string): string | undefined {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > longestDelay) return undefined
  const digits = seconds.toString(2).padStart(highestDelayLevel + 1, '0')
  return `${[...digits].join('.')}.${routingKey}`
}

/** The normal key of a message that was delayed; every other key is its own. */
export function routingKeyBeforeDelay(routingKey: string): string {
  return /^(?:[01]\.){28}/.test(routingKey) ? routingKey.slice(2 * (highestDelayLevel + 1)) : routingKey
}

/** The key with which a level's queue (digit 1) or the next exchange (digit 0) is bound to the exchange of a level. */
export function delayBindingKey(level: number, digit: 0 | 1): string {
  return `${'*.'.repeat(highestDelayLevel - level)}${digit}.#`
}

/**
 * Whether a message that names this exchange has waited: the last queue on the way hands it to the exchange of the next level, which
 * passes it on by bindings alone.
 */
export function isAfterDelay(exchange: string): boolean {
  return exchange === delayedDelivery || delayQueue.test(exchange)
}

const deathHeader = /^x-(?:first|last)-death-/
const delayQueue = /^celery_delayed_\d+$/

/**
 * The headers without what the queues on the way have written there; what other queues wrote stays. RabbitMQ takes a message that was
 * in a queue before for one that goes round in circles, and never passes it on to that queue a second time.
 */
export function headersBeforeDelay(headers: Headers): Headers {
  const deaths = headers['x-death']
  if (!Array.isArray(deaths)) return headers
  const others = deaths.filter((death: Headers | null) => !delayQueue.test(String(death?.queue)))
  const kept = Object.entries(headers).filter(([name]) => {
    if (!deathHeader.test(name)) return name !== 'x-death'
    return !delayQueue.test(String(headers[`${name.slice(0, name.lastIndexOf('-'))}-queue`]))
  })
  return Object.fromEntries(others.length === 0 ? kept : [...kept, ['x-death', others]])
}
