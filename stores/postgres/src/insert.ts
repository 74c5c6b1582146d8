/** Insert: ids compared by content. What has a key or dependencies goes the longer way of `linked-insert.ts`. */
import { ConfigError, type InsertReply, type InsertResult, type NewTask } from '@lovage/core'
import type { Query, Row } from './database.ts'
import { resolvedRange } from './id-time.ts'
import { newColumns } from './insert-sql.ts'
import { insertValues, type PlacedTask, placedPlain } from './new-task.ts'
import { isTaken } from './postgres-errors.ts'
import { RippleLog } from './ripple.ts'
import { type StoredContent, sameContent } from './same-content.ts'
import { stateCodes, stateOf } from './state-codes.ts'

const statement = {
  name: 'insert',
  text: `select seq, id, name, queue, priority, input, extras, state
    from @.insert_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
}

const direct = {
  name: 'insert-new',
  text: `insert into @.task (${newColumns}) select * from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::smallint[],
    $6::text[], $7::text[], $8::integer[], $9::integer[], $10::integer[], $11::bigint[], $12::bigint[], $13::text[], $14::bigint[],
    $15::bigint[])`,
}

/** What stands under the ids of a call. */
export interface Inserted {
  /** The numbers of those that were inserted. */
  readonly seqs: ReadonlyMap<string, number>
  /** Those that were there before. */
  readonly known: ReadonlyMap<string, StoredContent & { readonly state: number }>
}

/** Inserts rows as they were placed; an id that is there keeps what it has. */
export async function insertPlaced(query: Query, tasks: readonly PlacedTask[]): Promise<Inserted> {
  const range = resolvedRange(
    tasks.map(({ task }) => task.id),
    Date.now(),
  )
  const rows = await query(statement, [...insertValues(tasks), ...range])
  const seqs = new Map<string, number>()
  const known = new Map<string, StoredContent & { readonly state: number }>()
  for (const row of rows) {
    if (row[2] === null) seqs.set(row[1] as string, row[0] as number)
    else known.set(row[1] as string, contentOf(row))
  }
  return { seqs, known }
}

function contentOf([, , name, queue, priority, input, extras, state]: Row): StoredContent & { readonly state: number } {
  return {
    name: name as string,
    queue: queue as string,
    priority: priority as number,
    input: input as string,
    extras: extras as string | null,
    state: state as number,
  }
}

/** Refuses what PostgreSQL has no text for; names and ids have none of it. @throws {ConfigError} NAME_INVALID */
export function checkTexts(tasks: readonly NewTask[]): void {
  for (const { key, name } of tasks) {
    if (key === undefined || !/\0|\p{Surrogate}/u.test(key)) continue
    const message = `expected the key of ${name} to be without NUL and lone surrogates, got: ${JSON.stringify(key)}`
    throw new ConfigError('NAME_INVALID', message)
  }
}

/** Tells whether nothing but its id decides about a task. */
export function isPlain({ key, extras }: NewTask): boolean {
  return key === undefined && (extras?.dependencies === undefined || extras.dependencies.length === 0)
}

/**
 * Inserts tasks whose ids were made for them, in a transaction of its own. One that is there all the same undoes it; then they are
 * inserted as any others.
 */
export async function insertNew(query: Query, tasks: readonly NewTask[]): Promise<InsertReply> {
  const placed = tasks.map(placedPlain)
  try {
    await query(direct, insertValues(placed))
  } catch (error) {
    if (!isTaken(error)) throw error
    return insertPlain(query, tasks)
  }
  const ripple = new RippleLog()
  const results = placed.map((each): InsertResult => {
    noteState(each, ripple)
    return { status: 'inserted', id: each.task.id, state: stateOf(each.state) }
  })
  return { results, ...ripple.end() }
}

/** Inserts tasks with neither keys nor dependencies, each for itself. */
export async function insertPlain(query: Query, tasks: readonly NewTask[]): Promise<InsertReply> {
  const placed = tasks.map(placedPlain)
  const { seqs, known } = await insertPlaced(query, placed)
  const ripple = new RippleLog()
  const first = new Map<string, PlacedTask>()
  const results = placed.map((each): InsertResult => {
    const { id } = each.task
    const before = first.get(id)
    if (before === undefined && seqs.has(id)) {
      first.set(id, each)
      noteState(each, ripple)
      return { status: 'inserted', id, state: stateOf(each.state) }
    }
    const there = before === undefined ? known.get(id) : { ...contentSent(before), state: before.state }
    return there !== undefined && sameContent(there, each.task)
      ? { status: 'existing', id, state: stateOf(there.state) }
      : { status: 'conflict', id, on: 'id' }
  })
  return { results, ...ripple.end() }
}

/** What a task that was inserted in the same call is compared by. */
export function contentSent({ task, extras }: PlacedTask): StoredContent {
  const { name, queue, priority, input } = task
  return { name, queue, priority, input, extras: extras === undefined ? null : JSON.stringify(extras) }
}

/** Notes what a new task sets in motion. */
export function noteState({ task, state, dueAt }: PlacedTask, ripple: RippleLog): void {
  if (state === stateCodes.pending) ripple.ready(task.queue)
  if (state === stateCodes.scheduled && dueAt !== undefined) ripple.due(dueAt)
}
