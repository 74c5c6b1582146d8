/** Moves: what cases do to a store again and again, with everything that does not matter filled in. */
import {
  type ClaimReply,
  type ClaimRequest,
  decide,
  type InsertReply,
  type NewTask,
  type Store,
  type Task,
  type TaskChange,
  type TaskEvent,
} from '@lovage/core'
import { expectEqual, expectTrue, present } from './expect.ts'

/** When tasks are made, claimed (one later) and settled (two later), unless a case says otherwise. */
export const t0 = 1_700_000_000_000
/**
 * How long a claim lasts unless a case says otherwise. No case gives a shorter lease than ten seconds: a store that
 * `renewsAlone` goes by real time, and on a busy machine any event loop stands still for a moment.
 */
export const leaseMs = 30_000

export const completed: TaskEvent = { type: 'completed', startedAt: t0 + 1, result: '{"ok":true}' }
export const failed: TaskEvent = { type: 'failed', startedAt: t0 + 1, failure: { name: 'Error', message: 'no luck' } }
export const released: TaskEvent = { type: 'released' }
export const cancelled: TaskEvent = { type: 'cancelled' }
export const rerun: TaskEvent = { type: 'rerun' }
export const lost: TaskEvent = { type: 'lost', how: 'lost' }
export const retriedAfter = (delayMs: number): TaskEvent => ({ type: 'retried', startedAt: t0 + 1, delayMs, limit: 3 })

/** A task named `job` in the queue `default` at medium priority. */
export function newTask(id: string, fields: Partial<NewTask> = {}): NewTask {
  return { id, name: 'job', queue: 'default', priority: 4, input: 'null', lostLimit: 5, createdAt: t0, ...fields }
}

/** Tasks `t0`, `t1`, ... that are alike. */
export function newTasks(count: number, fields: Partial<NewTask> = {}): NewTask[] {
  return Array.from({ length: count }, (_, index) => newTask(`t${index}`, fields))
}

/** A task behind others, with further extras. */
export function after(id: string, dependencies: readonly string[], extras: NewTask['extras'] = {}): NewTask {
  return newTask(id, { extras: { dependencies, ...extras } })
}

/** Inserts tasks of which none may be refused. */
export async function insert(store: Store, ...tasks: readonly NewTask[]): Promise<InsertReply> {
  const reply = await store.insert(tasks)
  const refused = reply.results.filter(({ status }) => status !== 'inserted')
  expectEqual(refused, [], 'the tasks that were not inserted')
  return reply
}

/** A claim of everything in `default` by the holder `h1`. */
export function claimRequest(fields: Partial<ClaimRequest> = {}): ClaimRequest {
  const now = fields.now ?? t0 + 1
  return { queues: ['default'], holder: 'h1', worker: 'w1@test', limit: 1000, now, until: now + leaseMs, ...fields }
}

export async function claim(store: Store, fields: Partial<ClaimRequest> = {}): Promise<readonly Task[]> {
  const reply: ClaimReply = await store.claim(claimRequest(fields))
  return reply.tasks
}

/** Claims exactly one task. */
export async function claimOne(store: Store, fields: Partial<ClaimRequest> = {}): Promise<Task> {
  const [task] = await claim(store, { limit: 1, ...fields })
  return present(task, 'a task to be claimed')
}

/** The change that an event means for a task as it was seen. */
export function changeFor(task: Task, event: TaskEvent, now: number = t0 + 2): TaskChange {
  const decision = decide(task, event, now)
  expectTrue(decision.ok, `task ${task.id} to be in a state in which it can be ${event.type}, not ${task.state}`)
  return { id: task.id, from: task.state, run: task.run, patch: decision.ok ? decision.patch : { state: task.state } }
}

/** Applies an event to a task as it was seen; false when the store refused it. */
export async function apply(store: Store, task: Task, event: TaskEvent, now: number = t0 + 2): Promise<boolean> {
  const { applied } = await store.update([changeFor(task, event, now)])
  return applied[0] === true
}

/** Applies an event to a task as it is now, which the store must not refuse. */
export async function move(store: Store, id: string, event: TaskEvent, now: number = t0 + 2): Promise<void> {
  expectTrue(await apply(store, await taskOf(store, id), event, now), `task ${id} to be ${event.type}`)
}

/** Claims whatever can be claimed and settles it, round by round; answers the ids in that order. */
export async function work(store: Store, verdict: (task: Task) => TaskEvent = () => completed): Promise<readonly string[]> {
  const done: string[] = []
  for (let tasks = await claim(store); tasks.length > 0; tasks = await claim(store)) {
    const { applied } = await store.update(tasks.map((task) => changeFor(task, verdict(task))))
    expectTrue(
      applied.every((flag) => flag),
      'every settlement of a claimed run to be applied',
    )
    done.push(...tasks.map(({ id }) => id))
  }
  return done
}

export async function taskOf(store: Store, id: string): Promise<Task> {
  const [task] = await store.get([id])
  return present(task, `task ${id}`)
}

/** The states of tasks, by way of `get`. */
export async function statesOf(store: Store, ...ids: readonly string[]): Promise<readonly string[]> {
  return (await store.get(ids)).map((task) => task?.state ?? 'absent')
}

export function idsOf(tasks: readonly { readonly id: string }[]): readonly string[] {
  return tasks.map(({ id }) => id)
}
