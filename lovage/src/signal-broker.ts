/** A broker beside the store: RabbitMQ wakes and watches, the store goes on by itself while it is away. */
import { randomBytes } from 'node:crypto'
import { ConfigError, type Duration, type Logger, type LovageError, type Records, shown } from '@lovage/core'
import type { Backend } from './backend.ts'

/**
 * A store that notices deaths itself does so at once. A connection to the broker that was cut looks the same to the broker: beside
 * such a store it gets time to come back, so that its tasks do not run twice.
 */
const graceBesideStore = 500

/** Refuses what is no broker for signals. @throws {ConfigError} URL_UNSUPPORTED */
export function checkSignalUrl(url: string): void {
  if (typeof url === 'string' && /^amqps?:\/\/./i.test(url)) return
  const got = shown(String(url).replace(/\/\/[^/]*@/, '//'))
  throw new ConfigError('URL_UNSUPPORTED', `expected \`signal\` to be \`amqp://user:password@host/vhost\` or amqps:, got: ${got}`)
}

interface BrokerOptions {
  readonly logger: Logger | undefined
  readonly heartbeat: Duration | undefined
}

/**
 * Puts a broker beside a backend. One that is away is told of once, and tried again for ever.
 * @throws {ConfigError} URL_UNSUPPORTED, OPTION_INVALID, DURATION_INVALID
 */
export async function withBroker(backend: Backend, url: string, { logger, heartbeat }: BrokerOptions): Promise<Backend> {
  try {
    const { jointLiveness, jointSignal } = await import('@lovage/queue')
    const { rabbitmqSignal } = await import('@lovage/signal-rabbitmq')
    const { liveness } = backend
    const broker = await rabbitmqSignal(url, {
      prefix: await prefixOf(backend.store.records),
      heartbeat,
      crashGrace: liveness === undefined ? 0 : graceBesideStore,
      isGone: async (holder) => (await liveness?.lost([holder]))?.includes(holder) === true,
      onTrouble: (error) => tellTrouble(error, logger),
      onBack: () => logger?.info({}, 'RabbitMQ is back: wake-ups and the notice of crashes go over it again'),
    })
    return {
      ...backend,
      signal: jointSignal(broker.signal, backend.signal),
      liveness: liveness === undefined ? broker.liveness : jointLiveness(liveness, broker.liveness),
      async close() {
        await broker.close()
        await backend.close()
      },
    }
  } catch (error) {
    await backend.close()
    throw error
  }
}

function tellTrouble(error: LovageError, logger: Logger | undefined): void {
  if (logger === undefined) process.emitWarning(error.message, { code: 'LOVAGE_SIGNALS_LOST' })
  else logger.warn({}, error.rawMessage)
}

const kind = 'signal'
const key = 'prefix'

/** Every store has a name of its own on a broker, so that two that share one never mix. */
async function prefixOf(records: Records): Promise<string> {
  for (;;) {
    const known = await records.read(kind, key)
    if (known !== undefined) return JSON.parse(known.value) as string
    const prefix = `lovage-${randomBytes(4).toString('hex')}`
    if (await records.write([{ kind, key, value: JSON.stringify(prefix), version: 0 }])) return prefix
  }
}
