/** The front door: a URL becomes a client. */
import type { CelerySettingsInput } from '@lovage/broker-celery'
import { type Client, createClient } from '@lovage/client'
import { type Clock, ConfigError, checkOptionNames, type Duration, type OptionNames } from '@lovage/core'
import type { QueueBrokerOptions } from '@lovage/queue'
import { connectCelery, isCeleryUrl, refuseForCelery } from './celery.ts'
import { type BackendOptions, backendOptionNames, openBackend, shownUrl } from './schemes.ts'
import { connectServer, isServerUrl, refuseForServer } from './socketio.ts'

/** What `connect` takes beside the URL. */
export interface ConnectOptions extends BackendOptions {
  /** How long a run belongs to its worker without a renewal. Default 30 s, at least 1 s. */
  readonly lease?: Duration | undefined
  /** Where results are kept, for Celery: `rpc://`, `redis://host/1`; without it there are none. The queue keeps its own. */
  readonly results?: string | undefined
  /** How long what is over is kept. */
  readonly retention?: QueueBrokerOptions['retention']
  /** Who maintains: processes with a worker (default), or this one in any case (a server). */
  readonly maintain?: QueueBrokerOptions['maintain']
  /** Celery's settings by Celery's names, for example `{ task_acks_late: true }`. */
  readonly celery?: CelerySettingsInput | undefined
  /** What a Lovage server (`https://host`) lets this program in for. Default: none, which a server on this machine may take. */
  readonly token?: string | undefined
  readonly clock?: Clock | undefined
}

const names: OptionNames<ConnectOptions> = {
  ...backendOptionNames,
  lease: true,
  results: true,
  retention: true,
  maintain: true,
  celery: true,
  token: true,
  clock: true,
}

/**
 * Connects to the broker that a URL names: Lovage's own queue on a store, a Celery cluster, or a Lovage server to work for. The client
 * keeps files, sockets and timers open until it is closed.
 * @throws {ConfigError} URL_UNSUPPORTED, OPTION_INVALID, DURATION_INVALID; AUTHENTICATION_FAILED by a server
 * @throws {StoreError} STORE_UNAVAILABLE, STORE_CORRUPT, STORE_FULL, STORE_BUSY, SCHEMA_NEWER, SCHEMA_OLDER
 * @example
 * const broker = await connect('sqlite:./lovage.db')
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  checkOptionNames(options, names, 'connect')
  if (isServerUrl(url)) return workFor(url, options)
  if (options.token !== undefined) {
    throw new ConfigError('OPTION_INVALID', `expected \`token\` only beside the URL of a Lovage server, got: ${shownUrl(url)}`)
  }
  if (isCeleryUrl(url)) return joinCluster(url, options)
  if (options.celery !== undefined) {
    throw new ConfigError('OPTION_INVALID', `expected \`celery\` only beside a URL of RabbitMQ or Redis, got: ${shownUrl(url)}`)
  }
  const { synchronous, create, migrate, signal, heartbeat, results, lease, retention, maintain, logger, clock } = options
  if (results !== undefined) refuse('results', results, 'the queue keeps its own results')
  const backend = await openBackend(url, { synchronous, create, migrate, signal, heartbeat, logger })
  try {
    // A member of a cluster does without it.
    const { createQueueBroker } = await import('@lovage/queue')
    const time = clock ?? backend.clock
    const broker = await createQueueBroker({ ...backend, lease, retention, maintain, logger, clock: time })
    return createClient(broker, { clock: time })
  } catch (error) {
    await backend.close()
    throw error
  }
}

/** `create`, `migrate` and `maintain` mean nothing here: a cluster is there, or it is not. */
async function joinCluster(url: string, options: ConnectOptions): Promise<Client> {
  const { synchronous, signal, heartbeat, lease, retention, results, celery, logger, clock } = options
  refuseForCelery({ synchronous, signal, heartbeat, lease, retention })
  return connectCelery(url, { results, celery, logger, clock })
}

/** `create`, `migrate` and `maintain` mean nothing here: the server sees to its queue. */
async function workFor(url: string, options: ConnectOptions): Promise<Client> {
  const { synchronous, signal, heartbeat, lease, retention, results, celery, token, clock } = options
  refuseForServer({ synchronous, signal, heartbeat, lease, retention, results, celery })
  return connectServer(url, { token, clock })
}

function refuse(option: string, url: string, why: string): never {
  throw new ConfigError('URL_UNSUPPORTED', `expected no \`${option}\`, got: ${shownUrl(url)}; ${why}`)
}
