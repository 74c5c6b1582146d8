/** What a worker's process says when something was thrown outside of every handler: Node ends the process, and nobody was told why. */
import { errorLine, errorStack } from '../error-line.ts'
import { exitCodes } from '../exit-code.ts'
import type { Invocation } from '../invocation.ts'
import { placeIn } from '../load-failure.ts'
import { print } from '../terminal.ts'

/** The parts of a worker that are told. */
interface Witness {
  readonly pool: { readonly name: string }
  active(): readonly { readonly message: { readonly id: string; readonly name: string } }[]
}

const shownTasks = 5

/** Prints the words and exits with 1 when it happens; the answer takes the listener away. */
export function tellLastWords(worker: Witness, { terminal, settings }: Pick<Invocation, 'terminal' | 'settings'>): () => void {
  const end = (thrown: unknown, origin: string) => {
    for (const line of lastWords(thrown, origin, worker)) print(terminal.err, line)
    if (settings.logLevel === 'debug') print(terminal.err, errorStack(thrown))
    process.exit(exitCodes.failed)
  }
  process.prependListener('uncaughtException', end)
  return () => process.off('uncaughtException', end)
}

/** @param origin `uncaughtException` or `unhandledRejection`, as Node tells it */
export function lastWords(thrown: unknown, origin: string, worker: Witness): readonly string[] {
  const place = thrown instanceof Error ? placeIn(thrown.stack ?? '') : undefined
  const how = origin === 'unhandledRejection' ? 'a promise that nobody awaits was rejected' : 'it was thrown later'
  const active = worker.active()
  return [
    `${errorLine(thrown)}${place === undefined ? '' : `, at ${place}`}`,
    `lovage: ${how}, outside of what a handler returns, so nobody knows which task it belongs to; Node ends such a process`,
    active.length === 0
      ? 'lovage: no task was running here'
      : `lovage: running here, and given to other workers as lost: ${tasksText(active)}`,
    ...(worker.pool.name === 'inline'
      ? [
          'lovage: await every promise that a handler makes; with --pool threads or --pool processes it ends only that thread or process',
        ]
      : []),
  ]
}

function tasksText(active: ReturnType<Witness['active']>): string {
  const shown = active.slice(0, shownTasks).map(({ message }) => `${message.name} ${message.id}`)
  const more = active.length - shown.length
  return more === 0 ? shown.join(', ') : `${shown.join(', ')} and ${more} more`
}
