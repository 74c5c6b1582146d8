/** Why a task is where it is, in sentences for a person. */
import {
  awaitedTasks,
  byHandAt,
  type Explanation,
  formatDuration,
  httpHolderPrefix,
  httpPayloadName,
  type Task,
  type WorkerInfo,
} from '@lovage/core'
import type { Engine } from './engine.ts'
import type { WorkerRegistry } from './worker-registry.ts'

/** The parts of the queue that bear on a task besides itself. */
interface Circumstances {
  readonly now: number
  readonly paused: boolean
  readonly workers: readonly WorkerInfo[]
  /** The dependencies that have not completed, as far as they bear on it. */
  readonly blockers: readonly Blocker[]
}

interface Blocker {
  readonly id: string
  readonly state: Task['state'] | 'unknown'
  readonly task: Task | undefined
}

export async function explainTask(engine: Engine, registry: WorkerRegistry, id: string): Promise<Explanation> {
  const [task] = await engine.store.get([id])
  if (task === undefined) return { id, state: 'unknown', reasons: ['No task has this id, or it is no longer kept.'] }
  const dependencies = task.state === 'blocked' ? [...new Set(awaitedTasks(task.extras))] : []
  const [paused, workers, required] = await Promise.all([
    engine.store.records.read('paused', task.queue),
    registry.alive(),
    engine.store.get(dependencies),
  ])
  const awaited = required.flatMap((one, index) => blocker(one, dependencies[index]))
  const blockers = task.reason === 'dependency-failed' ? await origins(engine, task) : awaited
  const now = engine.clock.now()
  return { id, state: task.state, reasons: reasonsFor(task, { now, paused: paused !== undefined, workers, blockers }) }
}

function blocker(task: Task | undefined, id = ''): Blocker[] {
  const state = task?.state ?? ('unknown' as const)
  return state === 'completed' ? [] : [{ id, state, task }]
}

/** Flows may be large: this many tasks are looked at. */
const mostLooks = 500

/** Where it began: back through those that only failed because of others. */
async function origins({ store }: Engine, task: Task): Promise<readonly Blocker[]> {
  const seen = new Set<string>()
  const found: Blocker[] = []
  let next = awaitedTasks(task.extras)
  while (next.length > 0 && seen.size < mostLooks) {
    const ids = [...new Set(next)].filter((id) => !seen.has(id)).slice(0, mostLooks - seen.size)
    for (const id of ids) seen.add(id)
    const tasks = await store.get(ids)
    next = tasks.flatMap((one) => (one?.reason === 'dependency-failed' ? awaitedTasks(one.extras) : []))
    found.push(...tasks.flatMap((one, index) => (one?.reason === 'dependency-failed' ? [] : blocker(one, ids[index]))))
  }
  return found
}

function reasonsFor(task: Task, around: Circumstances): readonly string[] {
  switch (task.state) {
    case 'blocked':
      return blocked(task, around)
    case 'scheduled':
      return scheduled(task, around)
    case 'pending':
      return pending(task, around)
    case 'running':
      return running(task, around)
    default:
      return resolved(task, around)
  }
}

function blocked(task: Task, { blockers }: Circumstances): readonly string[] {
  const shown = blockers.slice(0, 5).map(({ id, state }) => `${id} (${state}${inPlaceOf(task, id)})`)
  const more = blockers.length > shown.length ? ` and ${blockers.length - shown.length} more` : ''
  return [`It waits for ${task.blockers} of its dependencies: ${shown.join(', ')}${more}.`]
}

function inPlaceOf({ extras }: Task, id: string): string {
  const names = Object.entries(extras?.standIns ?? {}).flatMap(([name, holder]) => (holder === id ? [name] : []))
  return names.length === 0 ? '' : `, stands in for ${names.join(', ')}`
}

function scheduled(task: Task, around: Circumstances): readonly string[] {
  const dueAt = task.dueAt ?? around.now
  if (dueAt === byHandAt) return ['It waits until someone schedules it: it names itself among its dependencies.']
  const when = new Date(dueAt).toISOString()
  const ahead = dueAt > around.now ? `in ${formatDuration(dueAt - around.now)}, at ${when}` : `since ${when}`
  const why =
    task.retries > 0 ? ` It failed before: retry ${task.retries} of ${task.retryLimit ?? 'the limit of its definition'}.` : ''
  return [`It is due ${ahead}.${why}`, ...lastRun(task), ...nobody(task, around)]
}

function pending(task: Task, around: Circumstances): readonly string[] {
  const reasons: string[] = []
  if (around.paused) reasons.push(`Queue ${task.queue} is paused; \`lovage queue resume ${task.queue}\` lets it go on.`)
  reasons.push(...nobody(task, around))
  if (reasons.length === 0) {
    reasons.push(
      `It waits for a free place: workers that know it are busy with tasks before it, or a rate limit of ${task.name} holds it back.`,
    )
  }
  return [...reasons, ...lastRun(task)]
}

/** Why no live worker can take it, if so. */
function nobody(task: Task, { workers }: Circumstances): readonly string[] {
  const knowing = workers.filter(({ tasks, everyTask, keeper, queues }) => {
    if (tasks.some((known) => known.name === task.name)) return true
    // A worker elsewhere that takes every name takes it from its own queues alone.
    return everyTask === true && (keeper === undefined || queues.includes(task.queue))
  })
  if (task.name === httpPayloadName && knowing.length === 0) {
    return [`It waits for a worker that claims from queue ${task.queue} over HTTP.`]
  }
  if (workers.length === 0) return ['No worker is running.']
  if (knowing.length === 0) return [`No live worker knows the task ${task.name}; live: ${names(workers)}.`]
  if (knowing.some((worker) => worker.queues.includes(task.queue))) return []
  return [
    `No worker that knows ${task.name} consumes queue ${task.queue}; ${names(knowing)} could, by \`lovage control add_consumer ${task.queue}\`.`,
  ]
}

function running(task: Task, { now, workers }: Circumstances): readonly string[] {
  const left = (task.takenUntil ?? now) - now
  const lease =
    left >= 0 ? `its lease is good for another ${formatDuration(left)}` : `its lease ended ${formatDuration(-left)} ago`
  const { startedAt } = task
  const since = startedAt === undefined ? ' and has not begun' : ` since ${formatDuration(Math.max(0, now - startedAt))}`
  const where = `Run ${task.run} is with ${task.worker ?? 'a worker'}${since}; ${lease}.`
  if (task.holder?.startsWith(httpHolderPrefix) === true)
    return [`${where} It was claimed over HTTP, and is kept by reclaiming it.`]
  const alive = workers.some((worker) => worker.holder === task.holder) ? '' : ' That worker is not known to be alive.'
  return [
    `${where}${alive}`,
    startedAt === undefined
      ? `It waits there for a place or its rate limit: \`lovage inspect query_task ${task.id}\`.`
      : `Whether it has begun there, or waits for a place or its rate limit: \`lovage inspect query_task ${task.id}\`.`,
  ]
}

function resolved(task: Task, { blockers }: Circumstances): readonly string[] {
  const when = task.resolvedAt === undefined ? '' : ` at ${new Date(task.resolvedAt).toISOString()}`
  const why = task.reason === undefined ? '' : `, reason: ${task.reason}`
  const failure = task.failure === undefined ? [] : [`${task.failure.name}: ${task.failure.message}`]
  const over = `It is over: ${task.state}${when}${why}, after ${task.run + 1} ${task.run === 0 ? 'run' : 'runs'}.`
  return [over, ...failure, ...culprits(blockers)]
}

/** What it needed and did not get; one that was retried since says by its state where it is now. */
function culprits(blockers: readonly Blocker[]): readonly string[] {
  const shown = blockers.slice(0, 5).map(({ id, state, task }) => {
    if (task === undefined) return `It needed ${id}, which is no longer kept.`
    const failure = task.failure === undefined ? '.' : `: ${task.failure.name}: ${task.failure.message}`
    return `It needed ${id} (${task.name}), which is ${state}${task.reason === undefined ? '' : ` (${task.reason})`}${failure}`
  })
  return blockers.length > shown.length ? [...shown, `And ${blockers.length - shown.length} more.`] : shown
}

function lastRun(task: Task): readonly string[] {
  const last = task.runs.at(-1)
  if (last === undefined) return []
  const failure = last.failure === undefined ? '' : `: ${last.failure.name}: ${last.failure.message}`
  return [`Run ${last.run} on ${last.worker} ended as ${last.outcome}${failure}.`]
}

function names(workers: readonly WorkerInfo[]): string {
  const shown = workers.slice(0, 5).map((worker) => worker.name)
  return workers.length > shown.length ? `${shown.join(', ')} and ${workers.length - shown.length} more` : shown.join(', ')
}
