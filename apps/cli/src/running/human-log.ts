/** The log of a running process for a person: one line per entry. */
import { inspect } from 'node:util'
import type { Logger, LogLevel } from '@lovage/core'
import { oneLine } from '../error-line.ts'
import { timeOfDay } from '../render/moment.ts'
import { painter } from '../render/paint.ts'
import { print, type Screen } from '../terminal.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]

const styles = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const

/** `12:00:01.250 info  task images.resize completed  id=0198… seconds=0.2`; errors show their stack at level debug. */
export function humanLog(screen: Screen, level: LogLevel, now: () => number = Date.now): Logger {
  const paint = painter(screen)
  const least = logLevels.indexOf(level)
  const write = (entry: LogLevel) => (fields: object, text: string) => {
    if (logLevels.indexOf(entry) < least) return
    const { err, error = err, ...rest } = fields as Readonly<Record<string, unknown>>
    const facts = Object.entries(rest)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => ` ${paint('dim', `${name}=`)}${fieldText(value)}`)
    const cause = error === undefined ? '' : `: ${errorText(error)}`
    print(
      screen,
      `${paint('dim', timeOfDay(now()))} ${paint(styles[entry], entry.padEnd(5))} ${oneLine(text)}${cause}${facts.join('')}`,
    )
    if (error !== undefined && level === 'debug') print(screen, inspect(error, { depth: 4 }))
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return oneLine(text.length > 200 ? `${text.slice(0, 199)}…` : text)
}

/** Of an error, or of what pino made of one in another process. */
function errorText(error: unknown): string {
  const { message } = Object(error) as { readonly message?: unknown }
  return oneLine(typeof message === 'string' ? message : String(error))
}
