/** `lovage server`: HTTP, maintenance and worker pools, without a worker of its own, until it is told to stop. */
import type { Provisioner } from '@lovage/core'
import { handleSignals, type StopOptions } from '@lovage/worker'
import { openBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Action } from '../invocation.ts'
import type { PoolFlags } from '../provisioning/pool-flags.ts'
import { poolsOf } from '../provisioning/pools-of.ts'
import { checkShared, poolFact, providePools } from '../provisioning/provide-pools.ts'
import { printBanner } from '../running/banner.ts'
import { type HttpFlags, serveHttp } from '../running/http.ts'
import { processLogger } from '../running/process-logger.ts'
import { signalSource } from '../running/signal-source.ts'

export const server: Action<HttpFlags & PoolFlags> = async (invocation) => {
  const { options, settings, terminal } = invocation
  const pools = await poolsOf(options, [], terminal.cwd)
  if (pools.length > 0) checkShared(invocation)
  const log = await processLogger(invocation)
  const { logger } = log
  const broker = await openBroker(invocation, { logger, create: true, stays: true, maintain: true })
  try {
    const http = await serveHttp(broker, invocation, logger)
    let provisioner: Provisioner | undefined
    const stopped = new Promise<void>((resolve) => {
      const stop = async (how?: StopOptions) => {
        logger.info({}, 'stopping')
        await Promise.all([http.close(how), provisioner?.close(how)])
        resolve()
      }
      handleSignals({ stop }, signalSource(process))
    })
    const facts = [['broker', settings.broker], ...http.facts, ['pid', process.pid], ...pools.map(poolFact)] as const
    printBanner(invocation, logger, 'server ready', facts)
    if (pools.length > 0) provisioner = await providePools(broker, invocation, pools, log)
    await stopped
    // A signal may have come before there was anything to close.
    await provisioner?.close()
    logger.info({}, 'stopped')
    return exitCodes.done
  } finally {
    await broker.close()
  }
}
