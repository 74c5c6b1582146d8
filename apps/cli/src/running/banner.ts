/** The first words of a running process: what it is, and where. */
import type { Logger } from '@lovage/core'
import type { Invocation } from '../invocation.ts'
import { painter } from '../render/paint.ts'
import { facts } from '../render/table.ts'
import { print } from '../terminal.ts'

/** Prints a heading and facts for a person, or logs one entry with --json. */
export function printBanner(
  { terminal, settings }: Pick<Invocation, 'terminal' | 'settings'>,
  logger: Logger,
  heading: string,
  pairs: readonly (readonly [name: string, value: unknown])[],
): void {
  if (settings.json) {
    logger.info(Object.fromEntries(pairs), heading)
    return
  }
  const paint = painter(terminal.out)
  print(terminal.out, paint('bold', `lovage ${heading}`))
  const texts = pairs.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)] as const)
  for (const line of facts(texts, paint)) print(terminal.out, `  ${line}`)
}
