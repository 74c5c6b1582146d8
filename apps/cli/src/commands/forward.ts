/** `lovage forward`: sends the tasks of a queue on to another broker until it is told to stop. */
import type { Client } from '@lovage/client'
import { ConfigError } from '@lovage/core'
import { createForwarder, handleSignals } from '@lovage/worker'
import { openBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Action, Invocation } from '../invocation.ts'
import { printBanner } from '../running/banner.ts'
import { endWithParent } from '../running/end-with-parent.ts'
import { type ProcessLogger, processLogger } from '../running/process-logger.ts'
import { signalSource } from '../running/signal-source.ts'
import { workerName } from '../running/worker-name.ts'
import { attend } from '../running/worker-process.ts'
import { withoutPassword } from '../without-password.ts'

interface ForwardFlags {
  readonly to?: string
  readonly toQueue?: string
  readonly queues?: readonly string[]
  readonly name?: string
  readonly concurrency?: number
}

export const forward: Action<ForwardFlags> = async (invocation) => {
  const { settings, terminal, options } = invocation
  if (options.to === undefined) {
    throw new ConfigError(
      'OPTION_INVALID',
      'expected --to and the URL of the other broker, as in --to amqp://localhost, got none',
    )
  }
  const log = await processLogger(invocation)
  // Settings of Celery's are about the other broker, those of a queue about this one.
  const here = { terminal, settings: { ...settings, celery: undefined } }
  const there = {
    terminal,
    settings: {
      ...settings,
      url: options.to,
      broker: withoutPassword(options.to),
      signal: undefined,
      results: undefined,
      leaseMs: undefined,
      heartbeatMs: undefined,
    },
  }
  // This one last: where the other is not to be had, none is begun here.
  const to = await openBroker(there, { logger: log.logger })
  try {
    const from = await openBroker(here, { logger: log.logger, create: true })
    try {
      await runForwarder(invocation, { from, to, place: there.settings.broker }, log)
      return exitCodes.done
    } finally {
      await from.close()
    }
  } finally {
    await to.close()
  }
}

interface Ends {
  readonly from: Client
  readonly to: Client
  /** What `to` is called. */
  readonly place: string
}

async function runForwarder(invocation: Invocation<ForwardFlags>, ends: Ends, log: ProcessLogger): Promise<void> {
  const { settings, options } = invocation
  const { toQueue, queues, concurrency } = options
  const name = workerName(options.name ?? 'forward')
  const worker = createForwarder({ ...ends, toQueue, queues, concurrency, name, logger: log.logger })
  attend(worker, invocation, log)
  const exit = new Promise<void>((resolve) => worker.once('exit', resolve))
  const ignoreSignals = handleSignals(worker, signalSource(process))
  await worker.start()
  endWithParent(worker, process)
  printBanner(invocation, log.logger, 'forward ready', [
    ['broker', settings.broker],
    ['to', toQueue === undefined ? ends.place : `${ends.place}, queue ${toQueue}`],
    ['worker', worker.name],
    ['pid', process.pid],
    ['queues', worker.queues],
    ['concurrency', worker.concurrency],
  ])
  await exit
  ignoreSignals()
}
