/** Opens the place for results that a URL names; its library loads only then. */
import { type Clock, ConfigError, type Logger } from '@lovage/core'
import type { ResultsKind } from './broker-options.ts'
import type { ResultBackend } from './result-backend.ts'
import { RpcResults } from './results/rpc-results.ts'
import type { CelerySettings } from './settings/celery-settings.ts'
import { tlsOptions } from './tls-options.ts'
import type { Transport } from './transport.ts'
import { acceptOnly } from './wire/content.ts'

export interface ResultsSurroundings {
  readonly transport: Transport
  readonly settings: CelerySettings
  readonly clock: Clock
  readonly logger: Logger
  readonly oid: string
}

/** @throws {LovageError} OPTION_INVALID, URL_UNSUPPORTED, STORE_UNAVAILABLE */
export async function openResults(
  kind: ResultsKind,
  url: string | undefined,
  { transport, settings, clock, logger, oid }: ResultsSurroundings,
): Promise<ResultBackend | undefined> {
  const { result_expires: expires, result_serializer: serializer } = settings
  const accept = acceptOnly(...(settings.result_accept_content ?? settings.accept_content))
  const expiresMs = expires === undefined || expires === 0 ? undefined : expires * 1000
  if (kind === undefined || url === undefined) return undefined
  if (kind === 'rpc') {
    return new RpcResults({
      transport,
      clock,
      replyTo: oid,
      expiresMs,
      isPersistent: settings.result_persistent,
      serializer,
      accept,
      onBadMessage: (message) => logger.warn({ queue: oid }, `a message that is no result was dropped: ${message}`),
    })
  }
  if (!accept.has(serializer)) {
    const message = `expected \`result_accept_content\` (or \`accept_content\`) to have the \`result_serializer\`, in which everything stands in Redis, got none of: ${serializer}`
    throw new ConfigError('OPTION_INVALID', message, { subject: 'result_accept_content' })
  }
  const { openRedisResults } = await import('./redis/redis-results.ts')
  const { result_backend_transport_options: options } = settings
  const onBadRecord = (error: Error): void => logger.warn({ error }, 'a record that is no result was passed over')
  const { redis_backend_use_ssl: ssl } = settings
  const tls = ssl === undefined ? undefined : tlsOptions(ssl)
  return openRedisResults({ url, clock, replyTo: oid, expiresMs, options, serializer, tls, onBadRecord })
}
