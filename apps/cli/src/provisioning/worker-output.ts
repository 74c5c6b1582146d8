/** What worker processes write becomes entries of our own log, with the name of the worker. */
import type { Logger, LogLevel } from '@lovage/core'

/** pino's numbers. */
const levels: ReadonlyMap<unknown, LogLevel> = new Map([
  [20, 'debug'],
  [30, 'info'],
  [40, 'warn'],
  [50, 'error'],
])

/** Writes a line of a worker: its log, or what its handlers print. */
export function logOutput(logger: Logger, worker: string, stream: 'stdout' | 'stderr', line: string): void {
  const entry = entryOf(line)
  const level = levels.get(entry?.level)
  if (entry !== undefined && level !== undefined && typeof entry.msg === 'string') {
    const { level: _level, time: _time, msg, ...fields } = entry
    logger[level]({ worker, ...fields }, msg)
  } else if (line.trim() !== '') logger[stream === 'stdout' ? 'info' : 'warn']({ worker }, line)
}

function entryOf(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
