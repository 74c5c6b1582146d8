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

const live = {
  name: 'neighbours',
  text: `select ${columns}, holder from @.task where id = any (array(
      select unnest($1::text[])
      union select t.id from unnest($2::text[], $3::text[]) k (name, key) join @.task t on t.name = k.name and t.key = k.key
    )) order by seq for update`,
}

const past = {
  name: 'past-neighbours',
  text: `select ${columns}, null from @.history where id = any (array(
      select unnest($1::text[])
      union select h.id from unnest($2::text[], $3::text[]) k (name, key) join @.held_key h on h.name = k.name and h.key = k.key
    )) order by seq for update`,
}

/** How often a dependency that is found nowhere is looked for again. */
const looks = 5

/** Dependencies that are not sent in the same call. */
function awaited(tasks: readonly NewTask[]): readonly string[] {
  const own = new Set(tasks.map(({ id }) => id))
  return [...new Set(tasks.flatMap(({ extras }) => extras?.dependencies ?? []))].filter((id) => !own.has(id))
}

/**
 * Locks and reads all. A task may move to the history and back meanwhile: what was locked there stays there, what is not there
 * is unresolved or moves there before it is looked for again.
 */
export async function readNeighbours(query: Query, tasks: readonly NewTask[]): Promise<Neighbours> {
  const ids = [...new Set(tasks.flatMap(({ id, extras }) => [id, ...(extras?.dependencies ?? [])]))]
  const keyed = tasks.filter(({ key }) => key !== undefined)
  const [names, keys] = [keyed.map(({ name }) => name), keyed.map(({ key }) => key as string)]
  if (keyed.length > 0) await query(lockKeys, [keyed.map(({ name, key }) => `${name}\u0001${key}`)])
  const around = new Neighbours([])
  const enter = (rows: readonly Row[]): void => {
    for (const row of rows) around.enter(neighbourFrom(row))
  }
  enter(await query(past, [ids, names, keys]))
  enter(await query(live, [ids, names, keys]))
  const missing = ids.filter((id) => around.byId(id) === undefined)
  if (missing.length > 0) enter(await query(past, [missing, names, keys]))
  // Those that others depend on are there, as a rule: they may go back and forth while they are looked for.
  for (let look = 0; look < looks; look++) {
    const lost = awaited(tasks).filter((id) => around.byId(id) === undefined)
    if (lost.length === 0) break
    enter(await query(live, [lost, [], []]))
    enter(await query(past, [lost, [], []]))
  }
  return around
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
