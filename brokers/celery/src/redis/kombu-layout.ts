/** kombu's layout of Redis (celery.md 16): names of keys and channels, levels of priority, bindings. */
import type { RedisSettings } from './redis-options.ts'

/** One binding of a queue to an exchange, as a member of the set of that exchange has it. */
export interface Binding {
  readonly routingKey: string
  /** Of a topic exchange: a regular expression for Python. Else empty. */
  readonly pattern: string
  readonly queue: string
}

export interface KombuLayout {
  /** The key of a queue's list for messages of this priority. */
  list(queue: string, priority: number | undefined): string
  /** The keys of a queue's lists, the most urgent first. */
  lists(queue: string): readonly string[]
  bindings(exchange: string): string
  member(binding: Binding): string
  /** Undefined for what nobody could have bound. */
  bindingOf(member: string): Binding | undefined
  /** Of a message to a fanout exchange. */
  channel(exchange: string, routingKey: string): string
  /** What a queue bound to a fanout exchange listens to; a pattern. */
  channelPattern(exchange: string, routingKey: string): string
}

/** Gives the names for these settings. */
export function kombuLayout(settings: RedisSettings): KombuLayout {
  const { prioritySteps: steps, separator, keyPrefix, fanoutPrefix, fanoutPatterns } = settings
  const atLevel = (queue: string, level: number): string =>
    level === 0 ? keyPrefix + queue : `${keyPrefix}${queue}${separator}${level}`
  const channel = (exchange: string, routingKey: string): string =>
    `${keyPrefix}${fanoutPrefix}${exchange}${routingKey !== '' && fanoutPatterns ? `/${routingKey}` : ''}`
  return {
    list: (queue, priority) => atLevel(queue, levelOf(priority, steps)),
    lists: (queue) => steps.map((level) => atLevel(queue, level)),
    bindings: (exchange) => `${keyPrefix}_kombu.binding.${exchange}`,
    member: ({ routingKey, pattern, queue }) => [routingKey, pattern, queue].join(separator),
    bindingOf(member) {
      const [routingKey, pattern, queue] = member.split(separator)
      return routingKey === undefined || pattern === undefined || queue === undefined ? undefined : { routingKey, pattern, queue }
    },
    channel,
    channelPattern: (exchange, routingKey) => channel(exchange, routingKey.replaceAll('#', '*')),
  }
}

/** The greatest step that is not above the priority; what is below all of them is as urgent as the last, as for kombu. */
function levelOf(priority: number | undefined, steps: readonly number[]): number {
  const number = priority === undefined || Number.isNaN(priority) ? 0 : Math.min(9, Math.max(0, priority))
  return steps.findLast((step) => step <= number) ?? 0
}

/**
 * The pattern that kombu's topic exchange keeps with a binding, a regular expression: `*` is some text that does not end in a dot,
 * `#` any text, also none.
 */
export function topicPattern(routingKey: string): string {
  const words = routingKey.split('.').map((word) => {
    if (word === '*') return '.*?[^\\.]'
    return word === '#' ? '.*?' : word.replace(/[^\p{L}\p{N}]/gu, '\\$&')
  })
  return `^${words.join('\\.')}$`
}

/** Names of the queues that a message to an exchange of lists goes to, each once. */
export function queuesFor(bindings: readonly Binding[], routingKey: string): readonly string[] {
  const met = bindings.filter((binding) =>
    // The pattern that came is for Python to read; the routing key says the same.
    binding.pattern === ''
      ? binding.routingKey === routingKey
      : new RegExp(topicPattern(binding.routingKey), 's').test(routingKey),
  )
  return [...new Set(met.map(({ queue }) => queue))]
}
