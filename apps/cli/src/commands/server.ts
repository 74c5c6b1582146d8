/** `lovage server`: HTTP and maintenance, without a worker, until it is told to stop. */
import { handleSignals } from '@lovage/worker'
import { openBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Action } from '../invocation.ts'
import { printBanner } from '../running/banner.ts'
import { type HttpFlags, serveHttp } from '../running/http.ts'
import { processLogger } from '../running/process-logger.ts'
import { signalSource } from '../running/signal-source.ts'

export const server: Action<HttpFlags> = async (invocation) => {
  const { logger } = await processLogger(invocation)
  const broker = await openBroker(invocation, { logger, create: true, stays: true, maintain: true })
  try {
    const http = await serveHttp(broker, invocation, logger)
    const stopped = new Promise<void>((resolve) => {
      const stop = async () => {
        logger.info({}, 'stopping')
        await http.close()
        resolve()
      }
      handleSignals({ stop }, signalSource(process))
    })
    const facts = [
      ['broker', invocation.settings.broker],
      ['url', http.url],
      ['pid', process.pid],
    ] as const
    printBanner(invocation, logger, 'server ready', facts)
    await stopped
    logger.info({}, 'stopped')
    return exitCodes.done
  } finally {
    await broker.close()
  }
}
