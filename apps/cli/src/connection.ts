/** The connection of a command: opened for one piece of work, closed whatever happens. */
import type { Client } from '@lovage/client'
import { ConfigError, type Logger, type LogLevel, LovageError, StoreError } from '@lovage/core'
import { connect } from 'lovage'
import { oneLine } from './error-line.ts'
import { type Invocation, isServerUrl, type Settings } from './invocation.ts'
import { print, type Screen } from './terminal.ts'

/** What a command may ask for beyond the settings. */
export interface ConnectionNeeds {
  /** Begin a new store where there is none. Who only looks leaves nothing behind, so that a mistyped path shows. */
  readonly create?: boolean
  /** The process stays: it may hold a queue that nobody else sees. */
  readonly stays?: boolean
  /** Maintain the queue from here even without a worker. */
  readonly maintain?: boolean
  /** Works through a Lovage server, too: the others need what the server has. */
  readonly fromAnywhere?: boolean
  readonly logger?: Logger
}

/**
 * Connects to the broker of the settings.
 * @throws {StoreError} STORE_UNAVAILABLE and others, all of which mean that the broker cannot be reached
 * @throws {ConfigError} URL_UNSUPPORTED, also for a queue in memory that would end with the command
 */
export async function openBroker(
  invocation: Pick<Invocation, 'settings' | 'terminal'>,
  needs: ConnectionNeeds = {},
): Promise<Client> {
  const { settings, terminal } = invocation
  const { url, broker, signal, results, celery, token, leaseMs, heartbeatMs } = settings
  if (isServerUrl(url) && needs.fromAnywhere !== true) throw atServer(broker)
  const logger = needs.logger ?? errorLogger(terminal.err, settings)
  if (/^\s*memory:\s*$/i.test(url)) {
    if (needs.stays !== true) throw inMemory(broker)
    logger.warn(
      { broker },
      'a queue in memory is seen by this process alone and ends with it; to share it name a file, as in -b sqlite:./lovage.db',
    )
  }
  try {
    return await connect(url, {
      signal,
      results,
      celery,
      token,
      lease: leaseMs,
      heartbeat: heartbeatMs,
      create: needs.create === true,
      maintain: needs.maintain === true ? 'always' : 'consumers',
      logger,
    })
  } catch (error) {
    throw unreachable(error, settings)
  }
}

/** Runs a piece of work on the broker and closes it. */
export async function withBroker<Value>(
  invocation: Pick<Invocation, 'settings' | 'terminal'>,
  work: (broker: Client) => Promise<Value>,
  needs: ConnectionNeeds = {},
): Promise<Value> {
  const broker = await openBroker(invocation, needs)
  try {
    return await work(broker)
  } finally {
    await broker.close()
  }
}

function atServer(broker: string): ConfigError {
  return new ConfigError(
    'UNSUPPORTED',
    `expected the URL of a store or a cluster for this command, got: ${broker}, a server, for which only worker, send and result work; use the -b of that server, or its page`,
  )
}

function inMemory(broker: string): ConfigError {
  return new ConfigError(
    'URL_UNSUPPORTED',
    `expected a broker that other processes see, got: ${broker}, a queue that ends with this command; name a file, as in -b sqlite:./lovage.db`,
  )
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
