/** The heartbeat module: a sign of life with the load, every two seconds, for those who listen. */
import { loadavg } from 'node:os'
import { type CancelTimer, type Duration, durationMs } from '@lovage/core'
import type { Module, WorkerSurface } from '../module.ts'
import { software } from '../software.ts'

export interface HeartbeatOptions {
  /** Default `2s`. Others take a worker for gone after two without a beat. */
  readonly every?: Duration | undefined
}

/** Beats between the worker's start and its end. @throws {ConfigError} DURATION_INVALID */
export function heartbeat(options: HeartbeatOptions = {}): Module {
  const everyMs = durationMs(options.every ?? 2000, 'every')
  let cancel: CancelTimer = () => {}
  return {
    name: 'heartbeat',
    start(worker) {
      const beat = () => {
        worker.events.tell('worker-heartbeat', beatFields(worker, everyMs))
        cancel = worker.clock.at(worker.clock.now() + everyMs, beat)
      }
      worker.on('ready', beat)
      worker.on('end', () => cancel())
    },
    stop: () => cancel(),
    describe: () => ({ everyMs }),
  }
}

/** Celery's fields of `worker-online`, `worker-heartbeat` and `worker-offline`; `freq` is in seconds. */
export function beatFields(worker: WorkerSurface, everyMs = 2000): Readonly<Record<string, unknown>> {
  const { active, processed } = worker.load
  return { freq: everyMs / 1000, active, processed, loadavg: loadavg(), ...software }
}
