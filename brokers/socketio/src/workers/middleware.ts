/** What users want done when the process ends, once its workers are closed. */
import { ConfigError, failureFrom, shown } from '@lovage/core'
import { within } from './timers.ts'

/** Does something when the process ends; `next` runs what was registered after it, and resolves when that is done. */
export type Middleware = (next: () => Promise<void>) => void | Promise<void>

/** The one moment that middleware is for. */
export const closing = 'server.close'

/** Checks what `use` is given. @throws {ConfigError} OPTION_INVALID */
export function checkMiddleware(name: string, middleware: Middleware): void {
  if (name !== closing) throw new ConfigError('OPTION_INVALID', `expected middleware for "${closing}", got: ${shown(name)}`)
  if (typeof middleware === 'function') return
  throw new ConfigError('OPTION_INVALID', `expected the middleware of "${closing}" to be a function, got: ${shown(middleware)}`)
}

/**
 * Runs all of it in order, each awaited. One that throws, does not call `next` or takes longer than its time (without what it waits for
 * after `next`) does not keep those after it from running.
 */
export async function runMiddleware(
  chain: readonly Middleware[],
  capMs: number,
  onError: (message: string) => void,
): Promise<void> {
  const [first, ...others] = chain
  if (first === undefined) return
  let rest: Promise<void> | undefined
  let call = (): void => {}
  const called = new Promise<void>((done) => {
    call = done
  })
  const next = (): Promise<void> => {
    call()
    rest ??= runMiddleware(others, capMs, onError)
    return rest
  }
  const ended = Promise.resolve()
    .then(() => first(next))
    .catch((thrown) => onError(`middleware of "${closing}" failed: ${failureFrom(thrown).message}`))
  const isTimely = await within(capMs, Promise.race([ended, called]))
  await next()
  if (!isTimely || !(await within(capMs, ended))) onError(`middleware of "${closing}" was left behind after ${capMs} ms`)
}
