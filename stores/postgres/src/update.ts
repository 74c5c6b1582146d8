/** Update: fenced transitions, in order, with all that follows from them. */
import type { TaskChange, TaskPatch, UpdateReply } from '@lovage/core'
import { arrayText } from './array-text.ts'
import type { Query, Row, Value } from './database.ts'
import type { Places } from './places.ts'
import { RippleLog } from './ripple.ts'
import { stateCodes } from './state-codes.ts'

/** The optional fields of a patch, each with its bit: `ended` is appended to the runs, the others are set. */
const fields: readonly (readonly [field: keyof TaskPatch, bit: number])[] = [
  ['reason', 1],
  ['retries', 2],
  ['lost', 4],
  ['dueAt', 8],
  ['startedAt', 16],
  ['resolvedAt', 32],
  ['result', 64],
  ['failure', 128],
  ['ended', 256],
]

const complete = {
  name: 'complete',
  text: 'select applied, ready, due, notices from @.complete_tasks($1, $2, $3, $4, $5, $6)',
}

/** The types of what `update_tasks` takes. */
export const updateParameters = [
  'text[]',
  'smallint[]',
  'integer[]',
  'bigint[]',
  'smallint[]',
  'integer[]',
  'text[]',
  'integer[]',
  'integer[]',
  'bigint[]',
  'bigint[]',
  'bigint[]',
  'text[]',
  'text[]',
  'text[]',
  'integer[]',
] as const

const statement = {
  name: 'update',
  text: `select applied, ready, due, notices from @.update_tasks(${updateParameters.map((_, index) => `$${index + 1}`).join(', ')})`,
}

/** Applies the changes on a connection, in the caller's transaction if it has one. */
export async function updateTasks(query: Query, changes: readonly TaskChange[], places?: Places): Promise<UpdateReply> {
  if (changes.length === 0) return { applied: [], ready: [], resolved: [] }
  const [row] =
    changes.every(isCompletion) && areDifferent(changes)
      ? await query(complete, completeValues(changes, places))
      : await query(statement, updateValues(changes))
  return replyFrom(row, changes)
}

/**
 * Reads what the functions answer.
 * @param placeOf tells the place among the changes, from 1, of one among those that the function was called with; default the same
 */
export function replyFrom(
  row: Row | undefined,
  changes: readonly TaskChange[],
  placeOf = (place: number): number => place,
): UpdateReply {
  const applied = changes.map(() => false)
  for (const place of (row?.[0] ?? []) as readonly number[]) applied[placeOf(place) - 1] = true
  const ripple = new RippleLog()
  ripple.add(row?.[1], row?.[2], row?.[3])
  return { applied, ...ripple.end() }
}

/** What `complete_tasks` takes: all that most runs come to. */
function isCompletion({ from, takenUntil, patch }: TaskChange): boolean {
  return (
    from === 'running' &&
    patch.state === 'completed' &&
    takenUntil === undefined &&
    maskOf(patch) === completionMask &&
    patch.failure === null
  )
}

/** Started, resolved, with a result, and with no failure any more. */
const completionMask = 16 | 32 | 64 | 128

function areDifferent(changes: readonly TaskChange[]): boolean {
  return new Set(changes.map(({ id }) => id)).size === changes.length
}

function completeValues(changes: readonly TaskChange[], places: Places | undefined): Value[] {
  return [
    arrayText(changes.map(({ id }) => id)),
    arrayText(changes.map(({ run }) => run)),
    arrayText(changes.map(({ id, run }) => places?.take(id, run))),
    arrayText(changes.map(({ patch }) => patch.startedAt)),
    arrayText(changes.map(({ patch }) => patch.resolvedAt)),
    arrayText(changes.map(({ patch }) => patch.result)),
  ]
}

/** What `update_tasks` takes. */
export function updateValues(changes: readonly TaskChange[]): Value[] {
  const column = (cell: (change: TaskChange) => string | number | undefined): Value => arrayText(changes.map(cell))
  const patched = fields.map(([field]) => column(({ patch }) => cellOf(patch[field])))
  return [
    column(({ id }) => id),
    column(({ from }) => stateCodes[from]),
    column(({ run }) => run),
    column(({ takenUntil }) => takenUntil),
    column(({ patch }) => stateCodes[patch.state]),
    column(({ patch }) => maskOf(patch)),
    ...patched,
    roundsOf(changes),
  ]
}

function cellOf(value: TaskPatch[keyof TaskPatch]): string | number | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'object' ? JSON.stringify(value) : value
}

function maskOf(patch: TaskPatch): number {
  let mask = 0
  for (const [field, bit] of fields) if (patch[field] !== undefined) mask |= bit
  return mask
}

/** Numbers the changes of each task: one statement changes a row at most once. */
function roundsOf(changes: readonly TaskChange[]): readonly number[] {
  const counts = new Map<string, number>()
  return changes.map(({ id }) => {
    const round = counts.get(id) ?? 0
    counts.set(id, round + 1)
    return round
  })
}
