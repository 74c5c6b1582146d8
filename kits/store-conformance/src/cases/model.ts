/** Hundreds of random operations on a store and on a model of forty lines: they must agree after each. */
import { beginMatters, isResolved, type NewTask, type Store, type Task, type TaskEvent, type TaskState } from '@lovage/core'
import { expectEqual, expectTrue } from '../expect.ts'
import { changeFor, claimRequest, idsOf, newTask, t0 } from '../moves.ts'
import { below, pick, seededRandom } from '../random.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

interface Model {
  readonly random: () => number
  now: number
  /** In order of insertion. */
  readonly tasks: Task[]
  readonly paused: Set<string>
}

const queues = ['q0', 'q1']
const names = ['n0', 'n1', 'n2']
/** Long in real time: a store that `renewsAlone` must see no reason to. */
const leaseMs = 100_000

const operations: readonly ((store: Store, model: Model) => Promise<void>)[] = [
  insertSome,
  insertSome,
  claimSome,
  claimSome,
  settleSome,
  settleSome,
  renewSome,
  sweepAll,
  steer,
  pauseOrResume,
  async (_store, model) => {
    model.now += below(model.random, 60_000)
  },
]

export const modelCases: readonly StoreCase[] = Array.from({ length: 6 }, (_, seed) =>
  storeCase(`model/random operations (seed ${seed})`, async (store) => {
    const model: Model = { random: seededRandom(seed), now: t0, tasks: [], paused: new Set() }
    for (let step = 0; step < 300; step++) {
      await pick(model.random, operations)?.(store, model)
      if (step % 20 === 19) await checkAll(store, model)
    }
    await checkAll(store, model)
  }),
)

async function insertSome(store: Store, model: Model): Promise<void> {
  const { random, now } = model
  const tasks: NewTask[] = Array.from({ length: 1 + below(random, 5) }, (_, index) =>
    newTask(`t${model.tasks.length + index}`, {
      name: pick(random, names) ?? '',
      queue: pick(random, queues) ?? '',
      priority: 3 + below(random, 3),
      retryLimit: below(random, 3),
      lostLimit: below(random, 3),
      createdAt: now,
      ...(random() < 0.3 ? { dueAt: now + 1 + below(random, 100_000) } : {}),
      ...(random() < 0.2 ? { deadline: now + 1 + below(random, 300_000) } : {}),
    }),
  )
  await store.insert(tasks)
  for (const task of tasks) {
    const state = task.dueAt === undefined ? 'pending' : 'scheduled'
    model.tasks.push({ ...task, state, run: -1, retries: 0, lost: 0, blockers: 0, runs: [] })
  }
}

async function claimSome(store: Store, model: Model): Promise<void> {
  const { random, now } = model
  const asked = random() < 0.5 ? queues : [pick(random, queues) ?? '']
  const known = random() < 0.5 ? undefined : names.slice(0, 1 + below(random, 3))
  const [limit, holder] = [1 + below(random, 6), `h${below(random, 3)}`]
  const reply = await store.claim({ ...claimRequest(), queues: asked, names: known, limit, holder, now, until: now + leaseMs })
  const open = asked.filter((queue) => !model.paused.has(queue))
  const ready = model.tasks.filter(({ queue, name, state, dueAt = 0 }) => {
    if (!open.includes(queue) || (known !== undefined && !known.includes(name))) return false
    return state === 'pending' || (state === 'scheduled' && dueAt <= now)
  })
  const expected = ready.toSorted((a, b) => b.priority - a.priority).slice(0, limit)
  expectEqual(idsOf(reply.tasks), idsOf(expected), 'the claimed tasks')
  const due = model.tasks.filter(({ queue, state, dueAt = 0 }) => open.includes(queue) && state === 'scheduled' && dueAt > now)
  expectEqual(reply.nextDueAt, earliest(due.map(({ dueAt }) => dueAt)), 'the next due time')
  for (const task of expected) {
    const { id, run } = task
    amend(model, id, {
      state: 'running',
      run: run + 1,
      holder,
      worker: 'w1@test',
      startedAt: beginMatters(task) ? undefined : now,
      takenUntil: now + leaseMs,
      dueAt: undefined,
    })
  }
}

/** Settles a few runs, now and then one that is long over. */
async function settleSome(store: Store, model: Model): Promise<void> {
  const { random, now } = model
  const running = model.tasks.filter(({ state }) => state === 'running')
  const batch = running.filter(() => random() < 0.4)
  const events: readonly TaskEvent[] = [
    { type: 'completed', startedAt: now, result: '1' },
    { type: 'failed', startedAt: now, failure: { name: 'Error', message: 'x' } },
    { type: 'retried', startedAt: now, delayMs: below(random, 2) * 50_000, limit: 3 },
    { type: 'released', startedAt: now },
    { type: 'lost', how: 'lost' },
    { type: 'begun' },
  ]
  const changes = batch.map((task) => {
    const stale = random() < 0.15
    const change = changeFor(task, pick(random, events) ?? { type: 'released' }, now)
    return stale ? { ...change, run: change.run - 1 } : change
  })
  const { applied } = await store.update(changes)
  for (const [index, change] of changes.entries()) {
    const task = batch[index]
    expectEqual(applied[index], change.run === task?.run, `whether ${change.id} was settled`)
    if (task !== undefined && change.run === task.run) patch(model, task, change.patch)
  }
}

/** Cancels or reruns a task, as an operator would. */
async function steer(store: Store, model: Model): Promise<void> {
  const task = pick(model.random, model.tasks)
  // A rerun after the deadline would be refused by the rule of core before a store hears of it.
  if (task === undefined || task.state === 'pending' || (task.deadline ?? Infinity) <= model.now) return
  const change = changeFor(task, { type: isResolved(task.state) ? 'rerun' : 'cancelled' }, model.now)
  expectEqual((await store.update([change])).applied, [true], `whether ${task.id} was steered`)
  patch(model, task, change.patch)
}

async function renewSome(store: Store, model: Model): Promise<void> {
  const holder = `h${below(model.random, 3)}`
  const until = model.now + below(model.random, 2 * leaseMs)
  const held = await store.renew({ holder, until })
  const expected = model.tasks.filter((task) => task.holder === holder)
  expectEqual(
    held.map(({ id, run }) => `${id} ${run}`).sort(),
    expected.map(({ id, run }) => `${id} ${run}`).sort(),
    'what is held',
  )
  for (const { id, takenUntil = 0 } of expected) amend(model, id, { takenUntil: Math.max(takenUntil, until) })
}

async function sweepAll(store: Store, model: Model): Promise<void> {
  const { now, tasks } = model
  for (const { id, state, dueAt = 0 } of tasks) {
    if (state === 'scheduled' && dueAt <= now) amend(model, id, { state: 'pending', dueAt: undefined })
  }
  const unresolved = model.tasks.filter(({ state }) => !isResolved(state))
  const ends = unresolved.map((task) => [task, Math.min(task.takenUntil ?? Infinity, task.deadline ?? Infinity)] as const)
  const { overdue, nextAt } = await store.sweep(now, 1000)
  expectEqual(
    [...idsOf(overdue)].sort(),
    [...idsOf(ends.filter(([, end]) => end <= now).map(([task]) => task))].sort(),
    'what is overdue',
  )
  const times = unresolved.flatMap(({ takenUntil, deadline, dueAt }) => [takenUntil, deadline, dueAt])
  expectEqual(nextAt, earliest(times.filter((time) => time !== undefined && time > now)), 'when to look again')
}

async function pauseOrResume(store: Store, { random, paused }: Model): Promise<void> {
  const queue = pick(random, queues) ?? ''
  const resume = paused.delete(queue)
  if (!resume && random() < 0.5) paused.add(queue)
  await store.records.write([{ kind: 'paused', key: queue, value: paused.has(queue) ? '{}' : null }])
}

/** Compares every field of every task; due tasks may already have become pending. */
async function checkAll(store: Store, { tasks, now }: Model): Promise<void> {
  const stored = await store.get(idsOf(tasks))
  const due = (task: Task): boolean => task.state === 'scheduled' && (task.dueAt ?? 0) <= now
  for (const [index, task] of tasks.entries()) {
    const came = stored[index]
    const expected = due(task) && came?.state === 'pending' ? { ...task, state: 'pending', dueAt: undefined } : task
    expectEqual(came, expected, `task ${task.id}`)
  }
  const counts = await store.counts()
  for (const state of ['pending', 'scheduled', 'running', 'completed', 'failed', 'exception'] satisfies TaskState[]) {
    const count = counts.filter((entry) => entry.state === state).reduce((sum, entry) => sum + entry.count, 0)
    expectEqual(count, stored.filter((task) => task?.state === state).length, `how many tasks are counted as ${state}`)
  }
  expectTrue(
    tasks.every(({ retries, lost, retryLimit, lostLimit }) => retries <= (retryLimit ?? 3) && lost <= lostLimit),
    'no budget to be overdrawn',
  )
}

function patch(model: Model, task: Task, fields: ReturnType<typeof changeFor>['patch']): void {
  const { ended, ...set } = fields
  const cleared = Object.fromEntries(Object.entries(set).map(([field, value]) => [field, value ?? undefined]))
  const run = fields.state === 'running' ? {} : { holder: undefined, takenUntil: undefined }
  amend(model, task.id, { ...cleared, ...run, runs: ended === undefined ? task.runs : [...task.runs, ended] })
}

function amend(model: Model, id: string, fields: Partial<Task>): void {
  const place = Number(id.slice(1))
  const task = model.tasks[place]
  if (task !== undefined) model.tasks[place] = { ...task, ...fields }
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
