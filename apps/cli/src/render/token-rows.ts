/** Tokens of workers as a table. */
import type { TokenInfo } from '@lovage/broker-socketio'
import { moment, relativeTime } from './moment.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

/** One line per token. */
export function tokenRows(tokens: readonly TokenInfo[], paint: Paint, now: number, columns?: number): string[] {
  const rows = tokens.map(({ id, name = '', ids, queues, createdAt, expiresAt, isExpired }) => {
    const end = expiresAt === undefined ? 'never' : relativeTime(expiresAt.getTime(), now)
    return [
      id,
      ids.join(','),
      queues.join(','),
      isExpired ? paint('yellow', `expired ${end}`) : end,
      relativeTime(createdAt.getTime(), now),
      name,
    ]
  })
  return table(
    ['ID', 'WORKERS', 'QUEUES', 'EXPIRES', 'CREATED', 'NAME'].map((title) => ({ title })),
    rows,
    paint,
    columns,
  )
}

/** What a new token is good for, in a line. */
export function tokenLine({ id, ids, queues, expiresAt }: TokenInfo, now: number): string {
  const end = expiresAt === undefined ? 'until it is revoked' : `until ${moment(expiresAt.getTime(), now)}`
  return `token ${id}: workers ${named(ids)}, queues ${named(queues)}, ${end}; it is not shown again`
}

function named(patterns: readonly string[]): string {
  return patterns.includes('*') ? 'of any name' : patterns.join(', ')
}
