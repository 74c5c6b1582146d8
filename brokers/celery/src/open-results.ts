/** Opens the place for results that a URL names; its library loads only then. */
import type { Clock, Logger } from '@lovage/core'
import type { ResultsKind } from './broker-options.ts'
import type { ResultBackend } from './result-backend.ts'
import { RpcResults } from './results/rpc-results.ts'
import type { CelerySettings } from './settings/celery-settings.ts'
import type { Transport } from './transport.ts'

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
  const { result_expires: expires } = settings
  const expiresMs = expires === undefined || expires === 0 ? undefined : expires * 1000
  if (kind === undefined || url === undefined) return undefined
  if (kind === 'rpc') {
    return new RpcResults({
      transport,
      clock,
      replyTo: oid,
      expiresMs,
      isPersistent: settings.result_persistent,
      onBadMessage: (message) => logger.warn({ queue: oid }, `a message that is no result was dropped: ${message}`),
    })
  }
  const { openRedisResults } = await import('./redis/redis-results.ts')
  const options = { result_chord_ordered: settings.result_chord_ordered, ...settings.result_backend_transport_options }
  const onBadRecord = (error: Error): void => logger.warn({ error }, 'a record that is no result was passed over')
  return openRedisResults({ url, clock, replyTo: oid, expiresMs, options, onBadRecord })
}
