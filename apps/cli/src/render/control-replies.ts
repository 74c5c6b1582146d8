/** Replies of workers, in the layout of Celery's command line. */
import type { ControlReply } from '@lovage/core'
import type { Paint } from './paint.ts'
import { indent } from './table.ts'

/** A line per worker, its answer under it, and how many answered. */
export function replyLines(replies: readonly ControlReply[], paint: Paint): string[] {
  const sorted = [...replies].sort((a, b) => a.worker.localeCompare(b.worker))
  const lines = sorted.flatMap((reply) => oneReply(reply, paint))
  const count = replies.length === 1 ? '1 worker answered.' : `${replies.length} workers answered.`
  return [...lines, '', count]
}

function oneReply(reply: ControlReply, paint: Paint): string[] {
  if (!reply.ok) return [`-> ${reply.worker}: ${paint('red', 'ERROR')}`, ...indent([reply.error], 8)]
  return [`-> ${reply.worker}: ${paint('green', 'OK')}`, ...indent(valueLines(reply.value), 8)]
}

/** The word of `{ "ok": word, ... }` without its name, a bullet per entry of a list, `name: value` per field of an object. */
function valueLines(value: unknown): string[] {
  if (value === null || value === undefined) return []
  if (typeof value === 'string') return value.split('\n')
  if (Array.isArray(value)) return value.length === 0 ? ['- empty -'] : value.map((entry) => `* ${plain(entry)}`)
  if (typeof value !== 'object') return [String(value)]
  const entries = Object.entries(value)
  if (entries.length === 0) return ['- empty -']
  const [[first, word], ...rest] = entries as [(typeof entries)[number], ...typeof entries]
  const opening = first === 'ok' ? (typeof word === 'string' ? word.split('\n') : [plain(word)]) : fieldLines(first, word)
  return [...opening, ...rest.flatMap(([name, entry]) => fieldLines(name, entry))]
}

function fieldLines(name: string, value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [`${name}: ${plain(value)}`]
  const short = JSON.stringify(value)
  if (short.length <= 80) return [`${name}: ${short}`]
  return [`${name}:`, ...indent(JSON.stringify(value, undefined, 2).split('\n'))]
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}
