/** The logger of a running process: lines for a person, or pino's JSON Lines with --json. */
import type { Logger, LogLevel } from '@lovage/core'
import type { Invocation } from '../invocation.ts'
import { humanLog } from './human-log.ts'

export interface ProcessLogger {
  readonly logger: Logger
  readonly level: LogLevel
}

/** Everything goes to stdout: the log is what such a command gives. */
export async function processLogger({ terminal, settings }: Pick<Invocation, 'terminal' | 'settings'>): Promise<ProcessLogger> {
  const level = settings.logLevel ?? 'info'
  if (!settings.json) return { logger: humanLog(terminal.out, level), level }
  const { pino } = await import('pino')
  const options = { level, base: undefined, serializers: { error: pino.stdSerializers.err } }
  return { logger: pino(options, { write: (line: string) => terminal.out.write(line) }), level }
}
