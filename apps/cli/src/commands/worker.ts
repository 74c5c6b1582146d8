/** `lovage worker`: runs the tasks of one or more modules until it is told to stop. */
import { handleSignals } from '@lovage/worker'
import { openBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { type Action, argumentList } from '../invocation.ts'
import { printBanner } from '../running/banner.ts'
import { endWithParent } from '../running/end-with-parent.ts'
import { processLogger } from '../running/process-logger.ts'
import { signalSource } from '../running/signal-source.ts'
import { makeWorker, type WorkerFlags, workerFacts } from '../running/worker-process.ts'
import { loadTaskFiles } from '../task-files.ts'

export const worker: Action<WorkerFlags> = async (invocation) => {
  const files = await loadTaskFiles(argumentList(invocation, 0), invocation.terminal.cwd)
  const log = await processLogger(invocation)
  const broker = await openBroker(invocation, { logger: log.logger, create: true, stays: true, fromAnywhere: true })
  try {
    const made = makeWorker(broker, files, invocation, log)
    const exit = new Promise<void>((resolve) => made.once('exit', resolve))
    let fatal: Error | undefined
    made.once('fatal', (error) => {
      fatal = error
    })
    const ignoreSignals = handleSignals(made, signalSource(process))
    await made.start()
    endWithParent(made, process)
    printBanner(invocation, log.logger, 'worker ready', [
      ['broker', invocation.settings.broker],
      ...(await workerFacts(made, broker)),
    ])
    await exit
    ignoreSignals()
    if (fatal !== undefined) throw fatal
    return exitCodes.done
  } finally {
    await broker.close()
  }
}
