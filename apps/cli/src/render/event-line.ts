/** One event as one line. */
import type { WorkerEvent } from '@lovage/core'
import { eventProgress } from './json-value.ts'
import { timeOfDay } from './moment.ts'
import type { Paint } from './paint.ts'

const colours = {
  'task-succeeded': 'green',
  'task-failed': 'red',
  'task-rejected': 'red',
  'task-retried': 'yellow',
  'task-revoked': 'magenta',
  'task-started': 'cyan',
  'worker-online': 'green',
  'worker-offline': 'yellow',
} as const satisfies Record<string, Parameters<Paint>[0]>

/** Fields that the line shows in a place of their own. */
const placed = new Set(['type', 'at', 'worker', 'id', 'name', 'traceback', 'hostname', 'timestamp', 'utcoffset', 'clock', 'pid'])

/** `12:00:01.250  task-succeeded   images.resize 0198…  runtime=0.2  worker@host`. */
export function eventLine(event: WorkerEvent, paint: Paint): string {
  const time = paint('dim', timeOfDay(event.at))
  const colour = (colours as Readonly<Record<string, Parameters<Paint>[0]>>)[event.type]
  const type = event.type.padEnd(16)
  const subject = [event.name, event.id].filter((part) => typeof part === 'string').join(' ')
  const rest = Object.entries(event.type === 'task-progress' ? { progress: eventProgress(event) } : event)
    .filter(([name, value]) => !placed.has(name) && value !== undefined && value !== null)
    .map(([name, value]) => `${paint('dim', `${name}=`)}${fieldText(value)}`)
  return [time, colour === undefined ? type : paint(colour, type), subject, ...rest, paint('dim', event.worker)]
    .filter((part) => part !== '')
    .join('  ')
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.length > 120 ? `${text.slice(0, 119)}…` : text.replaceAll('\n', ' ')
}
