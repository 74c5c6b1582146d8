/** Doctor cases: what can be checked on a live store by reading alone, while others go on working with it. */
import {
  awaitedTasks,
  beginMatters,
  dependencyVerdict,
  isResolved,
  type Store,
  StoreError,
  type Task,
  type TaskQuery,
  type TaskState,
  taskStates,
} from '@lovage/core'

export interface DoctorCase {
  /** `doctor/what holds in a sound store`; unique. */
  readonly name: string
  /**
   * Resolves when nothing speaks against it. Looks at no more than a few thousand tasks and writes nothing.
   * @param now epoch milliseconds
   * @throws {StoreError} STORE_CORRUPT with the finding
   */
  run(store: Store, now: number): Promise<void>
}

/** A sound store passes these at any time, whatever others do to it meanwhile. */
export const doctorCases: readonly DoctorCase[] = [
  { name: 'doctor/what is not there is answered as absent', run: checkAbsence },
  { name: 'doctor/pages do not repeat a task', run: checkPages },
  { name: 'doctor/pages and ids lead to the same tasks', run: checkIdentity },
  { name: 'doctor/counts agree with the tasks', run: checkCounts },
  taskCheck('every running task has a holder, a worker and a lease, and no other task has', checkHolder),
  taskCheck('pending tasks are due, scheduled ones have a due time', checkDueTime),
  taskCheck('resolved tasks say when and why, unresolved ones do not', checkResolution),
  taskCheck('no budget is overdrawn, and runs are in order', checkBudgets),
  taskCheck('payloads are JSON', checkPayloads),
  { name: 'doctor/every blocked task still has something to wait for', run: checkBlocked },
  { name: 'doctor/records are versioned JSON, each there once', run: checkRecords },
]

const unknown = 'lovage-doctor-unknown'
/** What the port says that records are for. */
const recordKinds = ['paused', 'schedule', 'worker']

function finding(message: string, subject?: string): StoreError {
  return new StoreError('STORE_CORRUPT', message, subject === undefined ? {} : { subject })
}

/** Makes a case of a check on single tasks; it sees the newest thousand of each state. */
function taskCheck(name: string, check: (task: Task, now: number) => string | undefined): DoctorCase {
  return {
    name: `doctor/${name}`,
    async run(store, now) {
      for (const state of taskStates) {
        for (const task of (await store.find({ states: [state], limit: 1000 })).tasks) {
          const wrong = check(task, now)
          if (wrong !== undefined) throw finding(`expected ${wrong}, at the ${task.state} task ${task.id}`, task.id)
        }
      }
    },
  }
}

function checkHolder(task: Task): string | undefined {
  const { state, holder, worker, takenUntil, startedAt, run } = task
  if (state !== 'running')
    return holder === undefined && takenUntil === undefined ? undefined : `no holder and no lease, got: ${holder}`
  const isStarted = startedAt !== undefined || beginMatters(task)
  const whole = holder !== undefined && worker !== undefined && takenUntil !== undefined && isStarted && run >= 0
  return whole ? undefined : 'a holder, a worker, a lease, a start and a run number'
}

function checkDueTime({ state, dueAt }: Task, now: number): string | undefined {
  if (state === 'scheduled' && dueAt === undefined) return 'a due time, got none'
  if (state === 'pending' && dueAt !== undefined && dueAt > now) return `no due time ahead, got: ${new Date(dueAt).toISOString()}`
  return undefined
}

function checkResolution({ state, resolvedAt, reason }: Task): string | undefined {
  if (!isResolved(state)) return resolvedAt === undefined ? undefined : 'no time of resolution'
  if (resolvedAt === undefined) return 'a time of resolution, got none'
  return state === 'exception' && reason === undefined ? 'a reason, got none' : undefined
}

function checkBudgets({ retries, retryLimit, lost, lostLimit, run, runs, blockers, state }: Task): string | undefined {
  if (retries < 0 || retries > (retryLimit ?? retries)) return `at most ${retryLimit} retries, got: ${retries}`
  if (lost < 0 || lost > lostLimit) return `at most ${lostLimit} lost workers, got: ${lost}`
  if (blockers > 0 !== (state === 'blocked')) return `blockers exactly while blocked, got: ${blockers}`
  const numbers = [...runs.map((ended) => ended.run), run]
  return numbers.every((number, index) => index === 0 || number >= (numbers[index - 1] ?? 0))
    ? undefined
    : `rising run numbers, got: ${numbers.join(', ')}`
}

function checkPayloads({ input, result, progress }: Task): string | undefined {
  const texts = { input, result, progress }
  return Object.entries(texts)
    .find(([, text]) => text !== undefined && !isJson(text))?.[0]
    ?.concat(' to be JSON')
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

async function checkAbsence(store: Store): Promise<void> {
  const [task] = await store.get([unknown])
  if (task !== undefined) throw finding(`expected no task ${unknown}, got one in state ${task.state}`)
  const [lines, page, record] = [
    await store.logs(unknown),
    await store.find({ queue: unknown }),
    await store.records.read(unknown, unknown),
  ]
  if (lines.length > 0 || page.tasks.length > 0 || record !== undefined)
    throw finding(`expected nothing under the name ${unknown}, got some`)
}

async function checkPages(store: Store): Promise<void> {
  for (const order of ['newest', 'oldest'] as const) {
    const seen = new Set<string>()
    for await (const task of walk(store, { order, limit: 100 }, 20)) {
      if (seen.has(task.id)) throw finding(`expected each task once on the pages by ${order}, got again: ${task.id}`, task.id)
      seen.add(task.id)
    }
  }
}

async function checkIdentity(store: Store): Promise<void> {
  const { tasks } = await store.find({ limit: 200 })
  const again = await store.get(tasks.map(({ id }) => id))
  for (const [index, task] of tasks.entries()) {
    // Pruned meanwhile is no finding.
    const other = again[index]
    if (other === undefined) continue
    const same =
      other.id === task.id && other.name === task.name && other.queue === task.queue && other.createdAt === task.createdAt
    if (!same || other.input !== task.input || other.run < task.run)
      throw finding(`expected the same task by id and by page, got two: ${task.id}`, task.id)
  }
}

/** Compares only while the counts stand still: on a store that never rests there is nothing to compare. */
async function checkCounts(store: Store): Promise<void> {
  let mismatch: string | undefined
  for (let attempt = 0; attempt < 3; attempt++) {
    const before = await store.counts()
    mismatch = await firstMismatch(store, before)
    if (mismatch === undefined || JSON.stringify(await store.counts()) !== JSON.stringify(before)) return
  }
  throw finding(`expected the counts to agree with the tasks, got: ${mismatch}`)
}

async function firstMismatch(store: Store, counts: Awaited<ReturnType<Store['counts']>>): Promise<string | undefined> {
  const limit = 1000
  for (const { queue, state, count } of counts) {
    const { tasks, cursor } = await store.find({ queue, states: [state], limit })
    const found = tasks.length
    if (found !== Math.min(count, limit) || (cursor === undefined && count > limit))
      return `${count} ${state} in ${queue} by count, ${found} by page`
  }
  return undefined
}

/**
 * A dependency and the tasks behind it change in one step. So a task that is read after its dependencies cannot be held
 * back by more of them than were unsatisfied when they were read.
 */
async function checkBlocked(store: Store): Promise<void> {
  const { tasks } = await store.find({ states: ['blocked'], limit: 200 })
  for (const { id, extras } of tasks) {
    const ids = [...new Set(awaitedTasks(extras))]
    const dependencies = await store.get(ids)
    const [task] = await store.get([id])
    if (task?.state !== 'blocked') continue
    const states = dependencies.map((dependency) => dependency?.state)
    const gone = ids.find((_, index) => states[index] === undefined)
    if (gone !== undefined) throw finding(`expected the dependencies of ${id} to be kept, got none of id ${gone}`, id)
    const verdicts = states.map((state) => verdictOf(state, task))
    const waiting = verdicts.filter((verdict) => verdict === 'waiting').length
    if (verdicts.includes('failed')) throw finding(`expected ${id} to have failed with its dependency, got: blocked`, id)
    if (waiting < task.blockers) throw finding(`expected ${id} to wait for at most ${waiting} tasks, got: ${task.blockers}`, id)
  }
}

function verdictOf(state: TaskState | undefined, { extras }: Task): ReturnType<typeof dependencyVerdict> {
  if (state === undefined || !isResolved(state)) return 'waiting'
  return dependencyVerdict(state, extras?.requires, extras?.onDependencyFailure)
}

async function checkRecords(store: Store): Promise<void> {
  for (const kind of recordKinds) {
    const records = await store.records.list(kind)
    if (new Set(records.map(({ key }) => key)).size !== records.length) throw finding(`expected each record of kind ${kind} once`)
    for (const { key, value, version } of records) {
      if (version < 1) throw finding(`expected versions from 1, got: ${version} at ${kind} ${key}`, key)
      if (!isJson(value)) throw finding(`expected JSON in every record, got something else at ${kind} ${key}`, key)
    }
  }
}

async function* walk(store: Store, query: TaskQuery, pages: number): AsyncGenerator<Task> {
  let cursor: string | undefined
  for (let page = 0; page < pages; page++) {
    const reply = await store.find(cursor === undefined ? query : { ...query, cursor })
    yield* reply.tasks
    cursor = reply.cursor
    if (cursor === undefined) return
  }
}
