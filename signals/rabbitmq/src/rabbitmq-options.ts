/** What the RabbitMQ signal may be told beside its URL. */
import {
  type Clock,
  ConfigError,
  checkOptionNames,
  type Duration,
  durationMs,
  type LovageError,
  type OptionNames,
  shown,
} from '@lovage/core'
import { systemClock } from './system-clock.ts'

export interface RabbitmqOptions {
  /** What every name on the broker begins with: queues with other prefixes do not hear each other. Default `lovage`. */
  readonly prefix?: string | undefined
  /** Whole seconds. A host that vanishes is missed after two to three of these. Default 5 s. */
  readonly heartbeat?: Duration | undefined
  /** How often a worker's switch is posted anew; less than the broker's `consumer_timeout`, which is 30 min. Default 10 min. */
  readonly rearm?: Duration | undefined
  /** How long a worker whose connection was lost may take to come back before it is called dead. Default 0. */
  readonly crashGrace?: Duration | undefined
  /** Another witness: who is gone for certain gets no grace. In doubt false. Default: there is none. */
  readonly isGone?: ((holder: string) => Promise<boolean>) | undefined
  /** Whether tasks are told of on topic exchanges. Default true. */
  readonly events?: boolean | undefined
  /** The broker is away: called once until `onBack`, also when it is not there to begin with. Default: nothing. */
  readonly onTrouble?: ((error: LovageError) => void) | undefined
  /** It is there again. */
  readonly onBack?: (() => void) | undefined
  readonly clock?: Clock | undefined
}

const names: OptionNames<RabbitmqOptions> = {
  prefix: true,
  heartbeat: true,
  rearm: true,
  crashGrace: true,
  isGone: true,
  events: true,
  onTrouble: true,
  onBack: true,
  clock: true,
}

/** Where the broker is. Without its password wherever it is shown. */
export interface Address {
  readonly protocol: 'amqp' | 'amqps'
  readonly hostname: string
  readonly port: number | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly vhost: string
  /** For people. */
  readonly shown: string
}

/** Options with their defaults; lengths of time are milliseconds. */
export interface RabbitmqSettings {
  readonly address: Address
  readonly prefix: string
  readonly heartbeatMs: number
  readonly rearmMs: number
  readonly crashGraceMs: number
  readonly events: boolean
  readonly clock: Clock
  isGone(holder: string): Promise<boolean>
  onTrouble(error: LovageError): void
  onBack(): void
}

/**
 * Checks options and fills in what they leave out. What the URL says (`?prefix=shop&heartbeat=5s&crashGrace=1s`) stands above
 * them; a heartbeat without a unit is in seconds, as in the URLs of other programs.
 * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID, URL_UNSUPPORTED
 */
export function rabbitmqSettings(url: string, given: RabbitmqOptions = {}): RabbitmqSettings {
  checkOptionNames(given, names, 'the RabbitMQ signal')
  const address = addressOf(url)
  const options = { ...given, ...queryOf(url) }
  const { prefix = 'lovage', heartbeat = 5000, rearm = 600_000, crashGrace = 0, events = true, clock = systemClock } = options
  if (typeof prefix !== 'string' || !/^[A-Za-z0-9_-]{1,40}$/.test(prefix)) {
    throw unexpected('prefix', '1 to 40 letters, digits, - and _', prefix)
  }
  const heartbeatMs = durationMs(heartbeat, 'heartbeat')
  if (heartbeatMs < 1000 || heartbeatMs % 1000 !== 0) throw unexpected('heartbeat', 'whole seconds, at least one', heartbeat)
  const rearmMs = durationMs(rearm, 'rearm')
  if (rearmMs < 100) throw unexpected('rearm', 'at least 100 ms', rearm)
  return {
    address,
    prefix,
    heartbeatMs,
    rearmMs,
    crashGraceMs: durationMs(crashGrace, 'crashGrace'),
    events,
    clock,
    isGone: options.isGone ?? (async () => false),
    onTrouble: options.onTrouble ?? (() => {}),
    onBack: options.onBack ?? (() => {}),
  }
}

const queryNames = { prefix: true, heartbeat: true, rearm: true, crashGrace: true, events: true }

function queryOf(url: string): Pick<RabbitmqOptions, keyof typeof queryNames> {
  const query = Object.fromEntries(new URL(url).searchParams)
  checkOptionNames(query, queryNames, 'the URL of RabbitMQ')
  const { heartbeat, events, ...others } = query
  if (events !== undefined && events !== 'true' && events !== 'false') throw unexpected('events', '`true` or `false`', events)
  return {
    ...others,
    ...(heartbeat === undefined ? {} : { heartbeat: /^\d+$/.test(heartbeat) ? Number(heartbeat) * 1000 : heartbeat }),
    ...(events === undefined ? {} : { events: events === 'true' }),
  }
}

/** @see https://www.rabbitmq.com/docs/uri-spec */
function addressOf(url: string): Address {
  const parts = URL.canParse(url) ? new URL(url) : undefined
  const protocol = parts?.protocol.slice(0, -1)
  if (parts === undefined || (protocol !== 'amqp' && protocol !== 'amqps') || parts.hostname === '') {
    const got = shown(String(url).replace(/\/\/[^/]*@/, '//'))
    throw new ConfigError('URL_UNSUPPORTED', `expected \`amqp://user:password@host/vhost\` or amqps:, got: ${got}`)
  }
  const vhost = parts.pathname.length > 1 ? decodeURIComponent(parts.pathname.slice(1)) : '/'
  return {
    protocol,
    hostname: parts.hostname.replace(/^\[|\]$/g, ''),
    port: parts.port === '' ? undefined : Number(parts.port),
    username: parts.username === '' ? undefined : decodeURIComponent(parts.username),
    password: parts.password === '' ? undefined : decodeURIComponent(parts.password),
    vhost,
    shown: `${protocol}://${parts.host}${parts.pathname.length > 1 ? parts.pathname : ''}`,
  }
}

function unexpected(option: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${expected}, got: ${shown(value)}`)
}
