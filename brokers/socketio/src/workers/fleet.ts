/** All workers of a process, and what ends them together. */
import { Item, type WorkerItem } from './item.ts'
import type { AnyProperties, ItemOptions } from './item-options.ts'
import { checkMiddleware, type Middleware, runMiddleware } from './middleware.ts'
import { type SignalWatch, tellOperator, watchSignals } from './process-signals.ts'

/** The face of the package. */
export interface Workers {
  /**
   * Starts a worker that connects out to a server, and stays with it until it is closed or sent away.
   * @throws {ConfigError} OPTION_INVALID, NAME_INVALID, DURATION_INVALID
   */
  Item<Properties extends object = AnyProperties>(options: ItemOptions<Properties>): WorkerItem
  /**
   * Registers what is to be done when a signal ends the process, after its workers are closed: in the order of registration, each
   * awaited, each for at most the longest grace of the workers. Errors go to stderr, and keep nothing after them from being done.
   * @throws {ConfigError} OPTION_INVALID
   */
  use(name: 'server.close', middleware: Middleware): void
}

/** Makes the face of a process, without workers. */
export function createWorkers(): Workers {
  const items = new Set<Item>()
  const chain: Middleware[] = []
  let capMs = 0

  const stop = async (): Promise<boolean> => {
    const stops = await Promise.all([...items].map((item) => item.stop()))
    await runMiddleware(chain, capMs, tellOperator)
    return stops.every((isInTime) => isInTime)
  }
  const signals: SignalWatch = watchSignals(stop)

  return {
    Item(options) {
      const item: Item = new Item(options, () => {
        items.delete(item)
        if (items.size === 0 && chain.length === 0) signals.release()
      })
      items.add(item)
      capMs = Math.max(capMs, item.plan.graceMs)
      signals.add(item.plan.signals)
      item.open()
      return item
    },
    use(name, middleware) {
      checkMiddleware(name, middleware)
      chain.push(middleware)
    },
  }
}
