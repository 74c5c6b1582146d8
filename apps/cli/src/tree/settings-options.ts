/** The options that every command takes. */
import { ConfigError, type LogLevel } from '@lovage/core'
import { isServerUrl, type Settings } from '../invocation.ts'
import { assignments, duration, oneOf, text } from '../option-values.ts'
import type { Terminal } from '../terminal.ts'
import { withoutPassword } from '../without-password.ts'
import type { OptionSpec } from './command-spec.ts'

const logLevels = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]
const defaultBroker = 'sqlite:./lovage.db'

export const settingsOptions: readonly OptionSpec[] = [
  {
    flags: '-b, --broker <url>',
    meaning: `the broker (default: LOVAGE_BROKER, else ${defaultBroker}); where there is no file, only worker, up, server, forward, send, schedule add, token create and migrate begin one`,
    read: text('--broker'),
  },
  { flags: '--json', meaning: 'one JSON document instead of text; JSON Lines where there is no end' },
  {
    flags: '--loglevel <level>',
    meaning: 'debug, info, warn or error; debug shows stacks (default: LOVAGE_LOGLEVEL, else info)',
    read: oneOf('--loglevel', logLevels),
  },
  {
    flags: '--signal <url>',
    meaning:
      'RabbitMQ beside the broker, which then wakes and watches workers: amqp://user:password@host (default: LOVAGE_SIGNAL)',
    read: text('--signal'),
  },
  {
    flags: '--results <url>',
    meaning: 'where the results of a Celery cluster are: rpc:// or redis://host/1 (default: nowhere)',
    read: text('--results'),
  },
  {
    flags: '--set <name=value>',
    meaning: "one of Celery's settings, for example task_acks_late=true; may be repeated",
    read: assignments('--set'),
  },
  {
    flags: '--token <token>',
    meaning: 'what a Lovage server (-b https://host) lets a worker in for: see token create (default: LOVAGE_TOKEN)',
    read: text('--token'),
  },
  {
    flags: '--heartbeat <duration>',
    meaning: 'on PostgreSQL and RabbitMQ: a worker that is silent for three of these is lost (default: 5s)',
    read: duration('--heartbeat'),
  },
  { flags: '--lease <duration>', meaning: 'how long a silent worker keeps its tasks (default: 30s)', read: duration('--lease') },
]

/** What commander gives for the options above. */
interface SettingsFlags {
  readonly broker?: string
  readonly json?: boolean
  readonly loglevel?: LogLevel
  readonly signal?: string
  readonly results?: string
  readonly set?: Readonly<Record<string, unknown>>
  readonly token?: string
  readonly lease?: number
  readonly heartbeat?: number
}

/** Reads the settings: options first, then the environment. @throws {ConfigError} OPTION_INVALID for a wrong LOVAGE_LOGLEVEL */
export function settingsFrom(flags: SettingsFlags, environment: Terminal['environment']): Settings {
  if (flags.lease === 0) throw new ConfigError('OPTION_INVALID', 'expected --lease to be above 0, got: 0; write "30s"')
  const level = environment.LOVAGE_LOGLEVEL || undefined
  const url = flags.broker ?? (environment.LOVAGE_BROKER || defaultBroker)
  return {
    url,
    broker: withoutPassword(url),
    signal: flags.signal ?? (environment.LOVAGE_SIGNAL || undefined),
    results: flags.results,
    celery: flags.set,
    // In the environment it may be meant for other commands.
    token: flags.token ?? (isServerUrl(url) ? environment.LOVAGE_TOKEN || undefined : undefined),
    leaseMs: flags.lease,
    heartbeatMs: flags.heartbeat,
    json: flags.json === true,
    logLevel: flags.loglevel ?? (level === undefined ? undefined : oneOf('LOVAGE_LOGLEVEL', logLevels)(level)),
  }
}
