/** The connection of a command: opened for one piece of work, closed whatever happens. */
import type { Client } from '@lovage/client'
import { type Logger, type LogLevel, LovageError, StoreError } from '@lovage/core'
import { connect } from 'lovage'
import { oneLine } from './error-line.ts'
import type { Invocation, Settings } from './invocation.ts'
import { print, type Screen } from './terminal.ts'

/** What a command may ask for beyond the settings. */
export interface ConnectionNeeds {
  /** Maintain the queue from here even without a worker. */
  readonly maintain?: boolean
  readonly logger?: Logger
}

/**
 * Connects to the broker of the settings.
 * @throws {StoreError} STORE_UNAVAILABLE and others, all of which mean that the broker cannot be reached
 * @throws {ConfigError} URL_UNSUPPORTED
 */
export async function openBroker(
  invocation: Pick<Invocation, 'settings' | 'terminal'>,
  needs: ConnectionNeeds = {},
): Promise<Client> {
  const { settings, terminal } = invocation
  const { broker, signal, results, leaseMs } = settings
  try {
    return await connect(broker, {
      signal,
      results,
      lease: leaseMs,
      maintain: needs.maintain === true ? 'always' : 'consumers',
      logger: needs.logger ?? errorLogger(terminal.err, settings),
    })
  } catch (error) {
    throw unreachable(error, settings)
  }
}

/** Runs a piece of work on the broker and closes it. */
export async function withBroker<Value>(
  invocation: Pick<Invocation, 'settings' | 'terminal'>,
  work: (broker: Client) => Promise<Value>,
): Promise<Value> {
  const broker = await openBroker(invocation)
  try {
    return await work(broker)
  } finally {
    await broker.close()
  }
}

/** Whatever keeps a broker from being opened means that it is unreachable; a full disk too. */
function unreachable(error: unknown, settings: Settings): unknown {
  if (LovageError.is(error, 'STORE_FULL')) {
    return new StoreError('STORE_UNAVAILABLE', error.rawMessage, { cause: error, subject: settings.broker })
  }
  return error
}

const levels = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]

/** One plain line per entry, for commands that end by themselves; warnings and errors unless asked for more. */
function errorLogger(screen: Screen, settings: Settings): Logger {
  const least = levels.indexOf(settings.logLevel ?? 'warn')
  const write = (level: LogLevel) => (fields: object, text: string) => {
    if (levels.indexOf(level) < least) return
    const { error, ...rest } = fields as { readonly error?: unknown }
    const facts = Object.entries(rest).map(([name, value]) => ` ${name}=${String(value)}`)
    const cause = error instanceof Error ? `: ${error.message}` : ''
    print(screen, `lovage: ${level}: ${oneLine(`${text}${cause}${facts.join('')}`)}`)
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}
