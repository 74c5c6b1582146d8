/** What the Redis parts of the broker may be told: where Redis is, and kombu's transport options by kombu's names. */
import type { ConnectionOptions } from 'node:tls'
import { ConfigError, checkOptionNames, type OptionNames, shown } from '@lovage/core'
import { type RedisAddress, redisAddress } from './redis-address.ts'

/** Options of kombu's Redis transport (`broker_transport_options`). Every program on the same queues must have the same. */
export interface RedisTransportOptions {
  /** Seconds after which a message that nobody settled is delivered again, unless its worker lives. Default 3600. */
  readonly visibility_timeout?: number | undefined
  /** Levels of priority, rising from 0; a message goes to the greatest that is not above its priority. Default 0, 3, 6, 9. */
  readonly priority_steps?: readonly number[] | undefined
  /** Between the name of a queue and its level, and between the parts of a binding. Default the two bytes 06 16 (hexadecimal). */
  readonly sep?: string | undefined
  /** What channels begin with, `{db}` being the database; false: nothing. Default `/{db}.`. */
  readonly fanout_prefix?: boolean | string | undefined
  /** Whether routing keys are part of channels. Default true. */
  readonly fanout_patterns?: boolean | undefined
  /** What every key and channel begins with. Default empty. */
  readonly global_keyprefix?: string | undefined
  /** Which queue is asked first: each in its turn, by name, or as they were given. Default `round_robin`. */
  readonly queue_order_strategy?: 'round_robin' | 'sorted' | 'priority' | undefined
  readonly unacked_key?: string | undefined
  readonly unacked_index_key?: string | undefined
  readonly unacked_mutex_key?: string | undefined
  /** Seconds after which a restorer that vanished holds up the others no longer. Default 300, or the visibility timeout where that is less. */
  readonly unacked_mutex_expire?: number | undefined
  /** Seconds between questions whether a silent connection is alive. Default 25. */
  readonly health_check_interval?: number | undefined
  /** Seconds that connecting may take. Default 10. */
  readonly socket_connect_timeout?: number | undefined
}

const names: OptionNames<RedisTransportOptions> = {
  visibility_timeout: true,
  priority_steps: true,
  sep: true,
  fanout_prefix: true,
  fanout_patterns: true,
  global_keyprefix: true,
  queue_order_strategy: true,
  unacked_key: true,
  unacked_index_key: true,
  unacked_mutex_key: true,
  unacked_mutex_expire: true,
  health_check_interval: true,
  socket_connect_timeout: true,
}

const strategies = ['round_robin', 'sorted', 'priority'] as const

/** How the connections of a process to Redis are kept. */
export interface LinkSettings {
  readonly address: RedisAddress
  readonly healthCheckMs: number
  readonly connectMs: number
}

/** Options with their defaults; lengths of time are milliseconds. */
export interface RedisSettings extends LinkSettings {
  readonly visibilityMs: number
  readonly prioritySteps: readonly number[]
  readonly separator: string
  /** Complete, without the key prefix. */
  readonly fanoutPrefix: string
  readonly fanoutPatterns: boolean
  readonly keyPrefix: string
  readonly queueOrder: (typeof strategies)[number]
  readonly unacked: string
  readonly unackedIndex: string
  readonly unackedMutex: string
  readonly mutexMs: number
}

/**
 * Checks kombu's options and fills in what they leave out.
 * @throws {ConfigError} OPTION_INVALID, URL_UNSUPPORTED
 */
export function redisSettings(url: string, given: RedisTransportOptions = {}, tls?: ConnectionOptions): RedisSettings {
  checkOptionNames(given, names, '`broker_transport_options` on Redis')
  const address = redisAddress(url, tls)
  const keyPrefix = textOf('global_keyprefix', given.global_keyprefix, '')
  const queueOrder = given.queue_order_strategy ?? 'round_robin'
  if (!strategies.includes(queueOrder)) throw unexpected('queue_order_strategy', `one of ${strategies.join(', ')}`, queueOrder)
  const { fanout_prefix: prefix = true } = given
  if (typeof prefix !== 'boolean' && typeof prefix !== 'string')
    throw unexpected('fanout_prefix', 'true, false or a text', prefix)
  const fanoutPrefix = prefix === true ? '/{db}.' : prefix === false ? '' : prefix
  const visibilityMs = milliseconds('visibility_timeout', given.visibility_timeout, 3600)
  return {
    address,
    ...linkTimes(given),
    visibilityMs,
    prioritySteps: stepsOf(given.priority_steps),
    separator: textOf('sep', given.sep, '\x06\x16'),
    fanoutPrefix: fanoutPrefix.replace('{db}', String(address.database)),
    fanoutPatterns: given.fanout_patterns ?? true,
    keyPrefix,
    queueOrder,
    unacked: keyPrefix + textOf('unacked_key', given.unacked_key, 'unacked'),
    unackedIndex: keyPrefix + textOf('unacked_index_key', given.unacked_index_key, 'unacked_index'),
    unackedMutex: keyPrefix + textOf('unacked_mutex_key', given.unacked_mutex_key, 'unacked_mutex'),
    mutexMs: milliseconds('unacked_mutex_expire', given.unacked_mutex_expire, Math.min(300, visibilityMs / 1000)),
  }
}

/** @throws {ConfigError} OPTION_INVALID */
export function linkTimes(given: Pick<RedisTransportOptions, 'health_check_interval' | 'socket_connect_timeout'>) {
  return {
    healthCheckMs: milliseconds('health_check_interval', given.health_check_interval, 25),
    connectMs: milliseconds('socket_connect_timeout', given.socket_connect_timeout, 10),
  }
}

function milliseconds(option: string, given: unknown, initial: number): number {
  const seconds = given ?? initial
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > 1e9) {
    throw unexpected(option, 'a number of seconds above 0', seconds)
  }
  return seconds * 1000
}

function textOf(option: string, given: unknown, initial: string): string {
  const text = given ?? initial
  if (typeof text !== 'string' || (text === '' && initial !== '')) throw unexpected(option, 'a text', text)
  return text
}

function stepsOf(given: unknown): readonly number[] {
  const steps: unknown = given ?? [0, 3, 6, 9]
  const isRising =
    Array.isArray(steps) &&
    steps[0] === 0 &&
    steps.every((step, index) => Number.isInteger(step) && (index === 0 || step > steps[index - 1]))
  if (!isRising) throw unexpected('priority_steps', 'whole numbers that rise from 0', given)
  return steps
}

function unexpected(option: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${expected}, got: ${shown(value)}`)
}
