/** The presence module: says when the worker is there and when it goes. */
import type { Module } from '../module.ts'
import { beatFields } from './heartbeat.ts'

/** Emits `worker-online` once it consumes and `worker-offline` as soon as it ends, and both around a comeback, as Celery does. */
export function presence(): Module {
  let comeOnline: () => void = () => {}
  return {
    name: 'presence',
    start(worker) {
      const goOffline = (): void => worker.events.tell('worker-offline', beatFields(worker))
      comeOnline = () => worker.events.tell('worker-online', beatFields(worker))
      worker.on('ready', comeOnline)
      worker.on('back', goOffline)
      worker.on('end', goOffline)
    },
    back: () => comeOnline(),
    stop() {},
  }
}
