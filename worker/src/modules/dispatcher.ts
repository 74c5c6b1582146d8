/** The dispatcher module: `worker.dispatch.{type}` for the events of all workers, captured only for types that are listened to. */
import type { WorkerEvent } from '@lovage/core'
import type { Module, WorkerSurface } from '../module.ts'

const prefix = 'worker.dispatch.'

/** Captures from the first listener of a type (`*` is every type) until the worker stops. */
export function dispatcher(): Module {
  const captured = new Map<string, Promise<() => Promise<void>>>()
  return {
    name: 'dispatcher',
    start(worker) {
      const captureFor = async (name: string | symbol) => {
        if (typeof name !== 'string' || !name.startsWith(prefix)) return
        const pattern = name.slice(prefix.length)
        if (captured.has(pattern)) return
        const capture = worker.broker.events.capture([pattern], (event) => dispatch(worker, pattern, event))
        captured.set(pattern, capture)
        try {
          await capture
        } catch (error) {
          captured.delete(pattern)
          worker.report(error)
        }
      }
      worker.on('newListener', (name) => void captureFor(name))
      return Promise.all(worker.eventNames().map(captureFor)).then(() => {})
    },
    async stop() {
      for (const capture of captured.values()) await capture.then((end) => end())
      captured.clear()
    },
  }
}

function dispatch(worker: WorkerSurface, pattern: string, event: WorkerEvent): void {
  if (event.worker !== worker.name) worker.lamport.merge(event.clock)
  worker.tell(`${prefix}${pattern}` as `worker.dispatch.${string}`, event)
}
