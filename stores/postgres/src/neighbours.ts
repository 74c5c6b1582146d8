/** What new tasks stand beside: the tasks under their ids, those they depend on, and the holders of their keys. */
import type { NewTask } from '@lovage/core'
import type { Query, Row } from './database.ts'
import { contentSent } from './insert.ts'
import type { PlacedTask } from './new-task.ts'
import type { StoredContent } from './same-content.ts'
import { firstResolvedCode } from './state-codes.ts'

/** A stored task as far as an insertion looks at it. */
export interface Neighbour extends StoredContent {
  readonly seq: number
  readonly id: string
  readonly state: number
  readonly run: number
  readonly holder: string | null
  readonly key: string | null
  readonly keyUntil: number | null
  readonly reason: string | null
}

/** Two calls with one key go one after the other. Few locks stand for all keys: the server has room for so many only. */
const lockKeys = {
  name: 'lock-keys',
  text: `select pg_advisory_xact_lock(hashtext('@.key'), b) from (
      select distinct (hashtext(k) & 255) as b from unnest($1::text[]) k order by 1
    ) b`,
}

const columns = 'seq, id, name, queue, priority, input, extras, state, run, key, key_until, reason'

/** Of ids and of pairs of names and keys. Those that others lock are waited for by those who lock. */
const live = (name: string, lock: string) => ({
  name,
  text: `select ${columns}, holder from @.task where id = any (array(
      select unnest($1::text[])
      union select t.id from unnest($2::text[], $3::text[]) k (name, key) join @.task t on t.name = k.name and t.key = k.key
    )) order by seq ${lock}`,
})

const past = (name: string, lock: string) => ({
  name,
  text: `select ${columns}, null from @.history where id = any (array(
      select unnest($1::text[])
      union select h.id from unnest($2::text[], $3::text[]) k (name, key) join @.held_key h on h.name = k.name and h.key = k.key
    )) order by seq ${lock}`,
})

const [seenLive, seenPast] = [live('neighbours', ''), past('past-neighbours', '')]
const [lockedLive, lockedPast] = [live('lock-neighbours', 'for update'), past('lock-past-neighbours', 'for update')]

/** How often a dependency that is found nowhere is looked for again. */
const looks = 5

/** Dependencies that are not sent in the same call. */
function awaited(tasks: readonly NewTask[]): readonly string[] {
  const own = new Set(tasks.map(({ id }) => id))
  return [...new Set(tasks.flatMap(({ extras }) => extras?.dependencies ?? []))].filter((id) => !own.has(id))
}

/** Ids, and names with keys. */
type Wanted = readonly [ids: readonly string[], names: readonly string[], keys: readonly string[]]

function wantedOf(ids: readonly string[], keyed: readonly NewTask[]): Wanted {
  return [[...new Set(ids)], keyed.map(({ name }) => name), keyed.map(({ key }) => key as string)]
}

/**
 * Reads all, and locks what the decisions rest on until they are committed: dependencies, and holders of keys that are to be
 * replaced or waited for. One that is only the answer is free to go on: it held the key when it was asked.
 */
export async function readNeighbours(query: Query, tasks: readonly NewTask[]): Promise<Neighbours> {
  const keyed = tasks.filter(({ key }) => key !== undefined)
  if (keyed.length > 0) await query(lockKeys, [keyed.map(({ name, key }) => `${name}\u0001${key}`)])
  const around = new Neighbours([])
  const enter = (rows: readonly Row[]): void => {
    for (const row of rows) around.enter(neighbourFrom(row))
  }
  const dependencies = tasks.flatMap(({ extras }) => extras?.dependencies ?? [])
  // The answer to a key may stand in for a dependency.
  const isLocked = ({ keyPolicy }: NewTask): boolean => keyPolicy === 'replace' || dependencies.length > 0
  const locked = wantedOf(dependencies, keyed.filter(isLocked))
  if (locked.some(({ length }) => length > 0)) await readLocked(query, { tasks, locked, around, enter })
  const free = keyed.filter((task) => !isLocked(task))
  const seen = wantedOf(
    tasks.map(({ id }) => id),
    free,
  )
  // In this order, since tasks move from the one to the other; back only under the lock of their keys.
  enter(await query(seenLive, seen))
  enter(await query(seenPast, seen))
  return around
}

interface Reading {
  readonly tasks: readonly NewTask[]
  readonly locked: Wanted
  readonly around: Neighbours
  enter(rows: readonly Row[]): void
}

/**
 * A task may move to the history and back meanwhile: what was locked there stays there, what is not there is unresolved or moves
 * there before it is looked for again.
 */
async function readLocked(query: Query, { tasks, locked, around, enter }: Reading): Promise<void> {
  const [ids, names, keys] = locked
  enter(await query(lockedPast, locked))
  enter(await query(lockedLive, locked))
  const missing = ids.filter((id) => around.byId(id) === undefined)
  if (missing.length > 0 || keys.length > 0) enter(await query(lockedPast, [missing, names, keys]))
  // Those that others depend on are there, as a rule: they may go back and forth while they are looked for.
  for (let look = 0; look < looks; look++) {
    const lost = awaited(tasks).filter((id) => around.byId(id) === undefined)
    if (lost.length === 0) break
    enter(await query(lockedLive, [lost, [], []]))
    enter(await query(lockedPast, [lost, [], []]))
  }
}

/** The neighbours, and the new tasks as they join them. */
export class Neighbours {
  readonly #byId = new Map<string, Neighbour>()
  readonly #byKey = new Map<string, Neighbour[]>()
  /** New ones come after all that are stored. */
  #nextSeq = Number.MAX_SAFE_INTEGER / 2

  constructor(stored: readonly Neighbour[]) {
    for (const each of stored) this.enter(each)
  }

  byId(id: string): Neighbour | undefined {
    return this.#byId.get(id)
  }

  /** Oldest first; more than one only after a rerun. */
  keyHolders(name: string, key: string, now: number): readonly Neighbour[] {
    const all = this.#byKey.get(JSON.stringify([name, key])) ?? []
    return all.filter((each) => holdsKey(each, now)).sort((a, b) => a.seq - b.seq)
  }

  add(placed: PlacedTask): void {
    const { id, key, keyUntil } = placed.task
    this.enter({
      ...contentSent(placed),
      seq: this.#nextSeq++,
      id,
      state: placed.state,
      run: -1,
      holder: null,
      key: key ?? null,
      keyUntil: keyUntil ?? null,
      reason: null,
    })
  }

  enter(neighbour: Neighbour): void {
    const known = this.#byId.has(neighbour.id)
    if (known) return
    this.#byId.set(neighbour.id, neighbour)
    if (neighbour.key === null) return
    const place = JSON.stringify([neighbour.name, neighbour.key])
    this.#byKey.set(place, [...(this.#byKey.get(place) ?? []), neighbour])
  }
}

/** Tasks without a window hold their key while unresolved, those with one until it closes. */
function holdsKey({ keyUntil, state, reason }: Neighbour, now: number): boolean {
  return keyUntil === null ? state < firstResolvedCode : keyUntil > now && reason !== 'superseded'
}

function neighbourFrom(row: Row): Neighbour {
  const [seq, id, name, queue, priority, input, extras, state, run, key, keyUntil, reason, holder] = row
  return { seq, id, name, queue, priority, input, extras, state, run, key, keyUntil, reason, holder } as unknown as Neighbour
}
