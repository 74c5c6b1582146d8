/** The front door: a URL becomes a client. */
import { type Client, createClient } from '@lovage/client'
import { type Clock, ConfigError, checkOptionNames, type Duration, type OptionNames } from '@lovage/core'
import { createQueueBroker, type QueueBrokerOptions } from '@lovage/queue'
import { type BackendOptions, backendOptionNames, openBackend, shownUrl } from './schemes.ts'

/** What `connect` takes beside the URL. */
export interface ConnectOptions extends BackendOptions {
  /** How long a run belongs to its worker without a renewal. Default 30 s, at least 1 s. */
  readonly lease?: Duration | undefined
  /** A URL for results, for brokers that keep none. The queue keeps its own. */
  readonly results?: string | undefined
  /** How long what is over is kept. */
  readonly retention?: QueueBrokerOptions['retention']
  /** Who maintains: processes with a worker (default), or this one in any case (a server). */
  readonly maintain?: QueueBrokerOptions['maintain']
  readonly clock?: Clock | undefined
}

const names: OptionNames<ConnectOptions> = {
  ...backendOptionNames,
  lease: true,
  results: true,
  retention: true,
  maintain: true,
  clock: true,
}

/**
 * Connects to the broker that a URL names. The client keeps files and timers open until it is closed.
 * @throws {ConfigError} URL_UNSUPPORTED, OPTION_INVALID, DURATION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_FULL, STORE_BUSY, SCHEMA_NEWER, SCHEMA_OLDER
 * @example
 * const broker = await connect('sqlite:./lovage.db')
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  checkOptionNames(options, names, 'connect')
  const { synchronous, create, migrate, signal, heartbeat, results, lease, retention, maintain, logger, clock } = options
  if (results !== undefined) refuse('results', results, 'the queue keeps its own results')
  const backend = await openBackend(url, { synchronous, create, migrate, signal, heartbeat, logger })
  try {
    const time = clock ?? backend.clock
    const broker = await createQueueBroker({ ...backend, lease, retention, maintain, logger, clock: time })
    return createClient(broker, { clock: time })
  } catch (error) {
    await backend.close()
    throw error
  }
}

function refuse(option: string, url: string, why: string): never {
  throw new ConfigError('URL_UNSUPPORTED', `expected no \`${option}\`, got: ${shownUrl(url)}; ${why}`)
}
