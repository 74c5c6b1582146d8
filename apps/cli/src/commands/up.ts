/** `lovage up`: queue, schedules, worker and HTTP server in one process, until it is told to stop. */
import type { Client } from '@lovage/client'
import { handleSignals, type StopOptions, type Worker } from '@lovage/worker'
import { openBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { type Action, argumentList, type Invocation } from '../invocation.ts'
import { printBanner } from '../running/banner.ts'
import { type HttpFlags, serveHttp } from '../running/http.ts'
import { type ProcessLogger, processLogger } from '../running/process-logger.ts'
import { signalSource } from '../running/signal-source.ts'
import { makeWorker, type WorkerFlags, workerFacts } from '../running/worker-process.ts'
import { loadTaskFiles, type TaskFile } from '../task-files.ts'

type UpFlags = HttpFlags & WorkerFlags

export const up: Action<UpFlags> = async (invocation) => {
  const files = await loadTaskFiles(argumentList(invocation, 0), invocation.terminal.cwd)
  const log = await processLogger(invocation)
  const broker = await openBroker(invocation, { logger: log.logger, create: true, stays: true, maintain: true })
  try {
    await runAll(invocation, broker, files, log)
    return exitCodes.done
  } finally {
    await broker.close()
  }
}

/** Resolves when everything has stopped: first nothing new comes in over HTTP, then the worker ends. */
async function runAll(
  invocation: Invocation<UpFlags>,
  broker: Client,
  files: readonly TaskFile[],
  log: ProcessLogger,
): Promise<void> {
  const { settings } = invocation
  // Without definitions there is nothing that a worker could run.
  const worker = files.length === 0 ? undefined : makeWorker(broker, files, invocation, log)
  const http = await serveHttp(broker, invocation, log.logger)
  let asked = () => {}
  const stopping = new Promise<void>((resolve) => {
    asked = resolve
  })
  const stop = async (how?: StopOptions) => {
    asked()
    await Promise.all([http.close(), worker?.stop(how)])
  }
  handleSignals({ stop }, signalSource(process))
  try {
    await worker?.start()
    printBanner(invocation, log.logger, 'is up', [['broker', settings.broker], ['url', http.url], ...factsOf(worker)])
    await Promise.race([stopping, ended(worker)])
  } finally {
    await stop()
  }
}

/** A worker can end by itself: `lovage control shutdown`. */
function ended(worker: Worker | undefined): Promise<void> {
  return new Promise((resolve) => worker?.once('exit', resolve))
}

function factsOf(worker: Worker | undefined): readonly (readonly [string, unknown])[] {
  return worker === undefined ? [['pid', process.pid]] : workerFacts(worker)
}
