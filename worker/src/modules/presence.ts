/** The presence module: says when the worker is there and when it goes. */
import type { Module } from '../module.ts'
import { beatFields } from './heartbeat.ts'

/** Emits `worker-online` once it consumes and `worker-offline` as soon as it ends, as Celery does. */
export function presence(): Module {
  return {
    name: 'presence',
    start(worker) {
      worker.on('ready', () => worker.events.tell('worker-online', beatFields(worker)))
      worker.on('end', () => worker.events.tell('worker-offline', beatFields(worker)))
    },
    stop() {},
  }
}
