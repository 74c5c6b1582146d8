/** `lovage up`: queue, schedules, HTTP server, and a worker here or pools of worker processes, until it is told to stop. */
import type { Client } from '@lovage/client'
import type { Provisioner } from '@lovage/core'
import { handleSignals, type StopOptions, type Worker } from '@lovage/worker'
import { openBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { type Action, argumentList, type Invocation } from '../invocation.ts'
import type { PoolFlags } from '../provisioning/pool-flags.ts'
import type { PoolSpec } from '../provisioning/pool-spec.ts'
import { poolsOf } from '../provisioning/pools-of.ts'
import { checkShared, poolFact, providePools } from '../provisioning/provide-pools.ts'
import { printBanner } from '../running/banner.ts'
import { type HttpFlags, serveHttp } from '../running/http.ts'
import { type ProcessLogger, processLogger } from '../running/process-logger.ts'
import { signalSource } from '../running/signal-source.ts'
import { makeWorker, type WorkerFlags, workerFacts } from '../running/worker-process.ts'
import { loadTaskFiles, type TaskFile } from '../task-files.ts'

type UpFlags = HttpFlags & Omit<WorkerFlags, 'pool'> & PoolFlags

/** What runs tasks: a worker in this process, or pools of worker processes. */
interface Work {
  readonly files: readonly TaskFile[]
  readonly pools: readonly PoolSpec[]
}

export const up: Action<UpFlags> = async (invocation) => {
  const work = await workOf(invocation)
  const log = await processLogger(invocation)
  const broker = await openBroker(invocation, { logger: log.logger, create: true, stays: true, maintain: true })
  try {
    await runAll(invocation, broker, work, log)
    return exitCodes.done
  } finally {
    await broker.close()
  }
}

/** With a range of workers the files are run by processes, else by this one. */
async function workOf(invocation: Invocation<UpFlags>): Promise<Work> {
  const { options, terminal } = invocation
  const given = argumentList(invocation, 0)
  const isPool = options.workers !== undefined
  // Without a range the other options are about the worker in this process.
  const { pool, idleTimeout, maxLifetime } = options
  const flags = isPool ? options : { pool, idleTimeout, maxLifetime }
  const pools = await poolsOf(flags, isPool ? given : [], terminal.cwd)
  if (pools.length > 0) checkShared(invocation)
  return { files: isPool ? [] : await loadTaskFiles(given, terminal.cwd), pools }
}

/** Resolves when everything has stopped: first nothing new comes in over HTTP, then the workers end. */
async function runAll(
  invocation: Invocation<UpFlags>,
  broker: Client,
  { files, pools }: Work,
  log: ProcessLogger,
): Promise<void> {
  const { settings } = invocation
  // Without definitions there is nothing that a worker could run.
  const worker = files.length === 0 ? undefined : makeWorker(broker, files, workerInvocation(invocation), log)
  const http = await serveHttp(broker, invocation, log.logger)
  let provisioner: Provisioner | undefined
  let asked = () => {}
  const stopping = new Promise<void>((resolve) => {
    asked = resolve
  })
  const stop = async (how?: StopOptions) => {
    asked()
    await Promise.all([http.close(how), worker?.stop(how), provisioner?.close(how)])
  }
  handleSignals({ stop }, signalSource(process))
  try {
    await worker?.start()
    const facts = [
      ['broker', settings.broker],
      ...http.facts,
      ...(await factsOf(worker, broker)),
      ...pools.map(poolFact),
    ] as const
    printBanner(invocation, log.logger, 'is up', facts)
    if (pools.length > 0) provisioner = await providePools(broker, invocation, pools, log)
    await Promise.race([stopping, ended(worker)])
  } finally {
    await stop()
  }
}

/** `--pool` says more here than where handlers run. */
function workerInvocation(invocation: Invocation<UpFlags>): Invocation<WorkerFlags> {
  const { pool, ...options } = invocation.options
  return { ...invocation, options: { ...options, ...(pool?.kind === undefined ? {} : { pool: pool.kind }) } }
}

/** A worker can end by itself: `lovage control shutdown`. */
function ended(worker: Worker | undefined): Promise<void> {
  return new Promise((resolve) => worker?.once('exit', resolve))
}

async function factsOf(worker: Worker | undefined, broker: Client): Promise<readonly (readonly [string, unknown])[]> {
  return worker === undefined ? [['pid', process.pid]] : await workerFacts(worker, broker)
}
