/** Insertion of tasks with keys and dependencies: what they stand beside is locked and read, decided on here, and written at once. */
import {
  awaitedTasks,
  decide,
  dependencyVerdict,
  type InsertReply,
  type InsertResult,
  isResolved,
  type NewTask,
  StoreError,
  type TaskChange,
  type TaskExtras,
} from '@lovage/core'
import type { Database, Query } from './database.ts'
import { insertPlaced, noteState } from './insert.ts'
import { type Neighbour, type Neighbours, readNeighbours } from './neighbours.ts'
import { type PlacedTask, startState } from './new-task.ts'
import { undone } from './postgres-errors.ts'
import { RippleLog } from './ripple.ts'
import { sameContent } from './same-content.ts'
import { stateCodes, stateOf } from './state-codes.ts'
import { updateTasks } from './update.ts'
import { kept } from './update-sql.ts'

/** Inserts tasks in one transaction: each for itself, or all or none. */
export function insertLinked(
  database: Pick<Database, 'transaction'>,
  tasks: readonly NewTask[],
  allOrNone: boolean,
): Promise<InsertReply> {
  return database
    .transaction(
      async (query) => {
        const insertion = new LinkedInsertion(query, tasks, allOrNone)
        await insertion.run()
        return insertion
      },
      (insertion) => !insertion.isRefused,
    )
    .then((insertion) => insertion.reply())
}

class LinkedInsertion {
  readonly #query: Query
  readonly #tasks: readonly NewTask[]
  readonly #allOrNone: boolean
  readonly #results: InsertResult[] = []
  readonly #ripple = new RippleLog()
  /** The tasks that were the answers to keys, by the ids of those that were not inserted for them. */
  readonly #standIns = new Map<string, string>()
  #around: Neighbours
  /** Decided, and not yet written. */
  #placed: { readonly task: PlacedTask; readonly edges: readonly Edge[] }[] = []

  constructor(query: Query, tasks: readonly NewTask[], allOrNone: boolean) {
    this.#query = query
    this.#tasks = tasks
    this.#allOrNone = allOrNone
    this.#around = new Map() as never
  }

  /** One refusal refuses all. */
  get isRefused(): boolean {
    return this.#allOrNone && this.#results.some(isRefusal)
  }

  async run(): Promise<void> {
    this.#around = await readNeighbours(this.#query, this.#tasks)
    await this.#supersedeAhead()
    for (const [index, task] of this.#tasks.entries()) {
      const result = await this.#insert(task, index)
      this.#results.push(result)
      if (result.status === 'existing' && result.id !== task.id) this.#standIns.set(task.id, result.id)
      else this.#standIns.delete(task.id)
    }
    await this.#write()
  }

  reply(): InsertReply {
    if (!this.isRefused) return { results: this.#results, ...this.#ripple.end() }
    const results = this.#results.map((result, index): InsertResult => {
      return isRefusal(result) ? result : { status: 'refused', id: this.#tasks[index]?.id ?? result.id }
    })
    return { results, ready: [], resolved: [] }
  }

  async #insert(task: NewTask, index: number): Promise<InsertResult> {
    const { id, key, keyPolicy = 'existing' } = task
    const known = this.#around.byId(id)
    if (known !== undefined) {
      return sameContent(known, task)
        ? { status: 'existing', id, state: stateOf(known.state) }
        : { status: 'conflict', id, on: 'id' }
    }
    const holders = key === undefined ? [] : this.#around.keyHolders(task.name, key, task.createdAt)
    const [holder] = holders
    if (holder !== undefined && keyPolicy === 'reject') return { status: 'conflict', id: holder.id, on: 'key' }
    if (holder !== undefined && keyPolicy === 'existing') {
      return { status: 'existing', id: holder.id, state: stateOf(holder.state) }
    }
    const extras = this.#withStandIns(task.extras)
    for (const dependency of awaitedTasks(extras)) {
      if (this.#around.byId(dependency) === undefined) return { status: 'unknown-dependency', id, dependency }
    }
    if (holders.length > 0) await this.#supersede(holders, task.createdAt, index)
    const placed = this.#place(task, extras)
    this.#placed.push(placed)
    this.#around.add(placed.task)
    return { status: 'inserted', id, state: stateOf(placed.task.state) }
  }

  /** Notes for each dependency that was not inserted the task that was the answer to its key. */
  #withStandIns(extras: TaskExtras | undefined): TaskExtras | undefined {
    if (!this.#allOrNone || extras === undefined) return extras
    const found = new Set(extras.dependencies?.filter((id) => this.#standIns.has(id)))
    if (found.size === 0) return extras
    return { ...extras, standIns: Object.fromEntries([...found].map((id) => [id, this.#standIns.get(id) ?? id])) }
  }

  #place(task: NewTask, extras: TaskExtras | undefined): { readonly task: PlacedTask; readonly edges: readonly Edge[] } {
    const { requires, onDependencyFailure } = extras ?? {}
    let failed = false
    const edges = [...new Set(awaitedTasks(extras))].map((required): Edge => {
      const state = stateOf(this.#around.byId(required)?.state)
      const verdict = isResolved(state) ? dependencyVerdict(state, requires, onDependencyFailure) : 'waiting'
      failed ||= verdict === 'failed'
      return {
        required,
        dependent: task.id,
        satisfied: verdict === 'satisfied',
        anyEnd: requires === 'all-resolved',
        waits: onDependencyFailure === 'wait',
      }
    })
    const blockers = edges.filter(({ satisfied }) => !satisfied).length
    if (failed || blockers > 0) {
      const state = failed ? stateCodes.exception : stateCodes.blocked
      return { task: { task, extras, state, blockers: failed ? 0 : blockers, dueAt: task.dueAt }, edges }
    }
    const state = startState(task.dueAt, task.createdAt)
    const dueAt = state === 'scheduled' ? task.dueAt : undefined
    return { task: { task, extras, state: stateCodes[state], blockers: 0, dueAt }, edges }
  }

  /**
   * Ends the holders of keys that are replaced all at once, where the order does not matter: no task of the call waits for another,
   * and nothing else of the call is about their keys or ids.
   */
  async #supersedeAhead(): Promise<void> {
    if (this.#tasks.some(({ extras }) => awaitedTasks(extras).length > 0)) return
    const keys = countsOf(this.#tasks.map(keyOf))
    const ids = countsOf(this.#tasks.map(({ id }) => id))
    const ending = this.#tasks.flatMap((task): readonly Ending[] => {
      const { id, name, key, keyPolicy, createdAt } = task
      if (key === undefined || keyPolicy !== 'replace' || keys.get(keyOf(task)) !== 1 || ids.get(id) !== 1) return []
      if (this.#around.byId(id) !== undefined) return []
      return this.#around.keyHolders(name, key, createdAt).map((holder) => ({ holder, now: createdAt }))
    })
    if (ending.length < 2 || ending.some(({ holder }) => ids.has(holder.id))) return
    await this.#end(ending)
    this.#around = await readNeighbours(this.#query, this.#tasks)
  }

  /** Ends the holders, and looks again: what follows from that may reach what comes next. */
  async #supersede(holders: readonly Neighbour[], now: number, index: number): Promise<void> {
    await this.#write()
    await this.#end(holders.map((holder) => ({ holder, now })))
    this.#around = await readNeighbours(this.#query, this.#tasks.slice(index))
  }

  async #end(ending: readonly Ending[]): Promise<void> {
    const changes: TaskChange[] = []
    const resolved: Ending[] = []
    for (const each of ending) {
      const { id, name, state, run, holder } = each.holder
      const from = stateOf(state)
      const decision = decide({ state: from, run, retries: 0, lost: 0, lostLimit: 0 }, { type: 'superseded' }, each.now)
      if (!decision.ok) {
        resolved.push(each)
        continue
      }
      const { patch } = decision
      changes.push({ id, from, run, patch })
      this.#ripple.resolved({ id, name, state: patch.state, reason: patch.reason ?? undefined, holder: holder ?? undefined })
    }
    if (resolved.length > 0) {
      await this.#query(closeWindows, [resolved.map(({ holder }) => holder.id), resolved.map(({ now }) => now)])
    }
    const ripple = await updateTasks(this.#query, changes)
    for (const queue of ripple.ready) this.#ripple.ready(queue)
    if (ripple.dueAt !== undefined) this.#ripple.due(ripple.dueAt)
    for (const notice of ripple.resolved) this.#ripple.resolved(notice)
  }

  /** Writes what was decided. */
  async #write(): Promise<void> {
    const placed = this.#placed
    this.#placed = []
    if (placed.length === 0) return
    // One that fails at once is written as blocked, and moved to the history with those of its like.
    const failed = placed.filter(({ task }) => task.state === stateCodes.exception)
    const rows = placed.map(({ task }) => (task.state === stateCodes.exception ? { ...task, state: stateCodes.blocked } : task))
    const { seqs } = await insertPlaced(this.#query, rows)
    if (seqs.size < rows.length) {
      throw new StoreError('STORE_BUSY', 'expected the ids to be free still; others kept taking them', { cause: undone })
    }
    const edges = placed.flatMap((each) => each.edges)
    if (edges.length > 0) await this.#query(link, edgeValues(edges))
    if (failed.length > 0) await this.#query(failAtOnce, [failed.map(({ task }) => task.task.id)])
    for (const { task } of placed) noteState(task, this.#ripple)
  }
}

/** A holder of a key that is to end at a time. */
interface Ending {
  readonly holder: Neighbour
  readonly now: number
}

function keyOf({ name, key }: NewTask): string {
  return JSON.stringify([name, key])
}

function countsOf(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}

interface Edge {
  readonly required: string
  readonly dependent: string
  readonly satisfied: boolean
  readonly anyEnd: boolean
  readonly waits: boolean
}

function isRefusal({ status }: InsertResult): boolean {
  return status === 'conflict' || status === 'unknown-dependency'
}

function edgeValues(edges: readonly Edge[]) {
  return [
    edges.map(({ required }) => required),
    edges.map(({ dependent }) => dependent),
    edges.map(({ satisfied }) => (satisfied ? 1 : 0)),
    edges.map(({ anyEnd }) => (anyEnd ? 1 : 0)),
    edges.map(({ waits }) => (waits ? 1 : 0)),
  ]
}

const link = {
  name: 'link',
  text: `with e as (
      select * from unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::integer[])
        e (required, dependent, satisfied, any_end, waits)
    ),
    live as (
      update @.task t set dependents = true from (select distinct required from e) r where t.id = r.required and not t.dependents
    ),
    past as (
      update @.history h set dependents = true from (select distinct required from e) r
      where h.id = r.required and not h.dependents
    )
    insert into @.edge (required, dependent, satisfied, any_end, waits)
    select required, dependent, satisfied = 1, any_end = 1, waits = 1 from e`,
}

const failAtOnce = {
  name: 'fail-at-once',
  text: `with gone as (delete from @.task where id = any ($1) returning *),
    window_kept as (
      insert into @.held_key (name, key, until, id) select name, key, key_until, id from gone where key_until is not null
    )
    insert into @.history (${kept}, state, reason, run, blockers, resolved_at)
    select ${kept}, 4, 'dependency-failed', run, 0, created_at from gone`,
}

const closeWindows = {
  name: 'close-windows',
  text: `with w as (select * from unnest($1::text[], $2::bigint[]) w (id, now)),
    past as (update @.history h set key_until = w.now from w where h.id = w.id)
    delete from @.held_key k using w where k.id = w.id`,
}
