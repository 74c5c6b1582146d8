/** What a worker does when its broker was away and is back: its modules, one after the other, once for each time. */
import type { WorkerSurface } from './module.ts'

/** Gives what the consumer calls. A worker that is not ready yet, or that stops, has nothing to say again. */
export function comingBack(worker: WorkerSurface): () => void {
  let isReady = false
  let turn: Promise<void> = Promise.resolve()
  worker.on('ready', () => {
    isReady = true
  })
  return () => {
    if (isReady) turn = turn.then(() => comeBack(worker))
  }
}

/** Gives what a consumer calls that there will be nothing more for: the worker ends, and says why. */
export function sentAway(worker: WorkerSurface): (error: Error) => void {
  return (error) => {
    if (worker.listenerCount('fatal') > 0) worker.tell('fatal', error)
    else worker.logger.error({ error, worker: worker.name }, 'sent away for good')
    void worker.stop({ cold: true })
  }
}

async function comeBack(worker: WorkerSurface): Promise<void> {
  if (worker.stopping) return
  worker.tell('back')
  for (const module of worker.modules) {
    if (worker.stopping) return
    try {
      await module.back?.()
    } catch (error) {
      worker.report(error)
    }
  }
}
