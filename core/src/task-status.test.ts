/** The status as the HTTP queue tells it, against the moves that core decides. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { byHandAt, splitQueue, splitWorker } from './http-task.ts'
import { isResolved, type Task } from './task.ts'
import { taskStatus } from './task-status.ts'
import { decide, type TaskEvent } from './transitions.ts'

const born: Task = {
  id: 'a',
  name: 'greet',
  queue: 'prov/type',
  priority: 1,
  state: 'pending',
  input: 'null',
  run: -1,
  retries: 0,
  lost: 0,
  lostLimit: 5,
  blockers: 0,
  createdAt: 1000,
  runs: [],
}

/** What a store makes of a decision. */
function after(task: Task, event: TaskEvent, now: number): Task {
  const decision = decide(task, event, now)
  if (!decision.ok) return task
  const { ended, ...patch } = decision.patch
  const set = Object.fromEntries(Object.entries(patch).map(([field, value]) => [field, value ?? undefined]))
  const claimed =
    event.type === 'claimed' ? { run: task.run + 1, worker: 'w1@group', takenUntil: now + 60_000, startedAt: now } : {}
  return { ...task, ...set, ...claimed, runs: ended === undefined ? task.runs : [...task.runs, ended] }
}

const lived = (...events: TaskEvent[]): Task =>
  events.reduce((task, event, index) => after(task, event, 2000 + index * 1000), born)
const claimed: TaskEvent = { type: 'claimed' }
const completed: TaskEvent = { type: 'completed', startedAt: 2000, result: 'null' }

describe('the runs of a task', () => {
  test('begin with the one that is pending', () => {
    expect(taskStatus(born)).toEqual({
      taskId: 'a',
      provisionerId: 'prov',
      workerType: 'type',
      taskQueueId: 'prov/type',
      schedulerId: '-',
      projectId: 'none',
      taskGroupId: 'a',
      priority: 'lowest',
      deadline: '1971-01-01T00:00:01.000Z',
      expires: '1972-01-01T00:00:01.000Z',
      retriesLeft: 5,
      state: 'pending',
      runs: [{ runId: 0, state: 'pending', reasonCreated: 'scheduled', scheduled: '1970-01-01T00:00:01.000Z' }],
    })
  })

  test.each(['blocked', 'scheduled'] as const)('are none while it is %s', (state) => {
    expect(taskStatus({ ...born, state, dueAt: byHandAt })).toMatchObject({ state: 'unscheduled', runs: [] })
  })

  test('name the worker and the end of the claim', () => {
    expect(taskStatus(lived(claimed))).toMatchObject({
      state: 'running',
      runs: [{ runId: 0, state: 'running', workerGroup: 'group', workerId: 'w1', takenUntil: '1970-01-01T00:01:02.000Z' }],
    })
  })

  test.each([
    ['lost', 'worker-shutdown', 'retry'],
    ['expired', 'claim-expired', 'retry'],
    ['intermittent', 'intermittent-task', 'task-retry'],
  ] as const)('go on after one that was %s', (how, reasonResolved, reasonCreated) => {
    expect(taskStatus(lived(claimed, { type: 'lost', how }))).toMatchObject({
      state: 'pending',
      retriesLeft: 4,
      runs: [
        { runId: 0, state: 'exception', reasonResolved, workerId: 'w1', resolved: '1970-01-01T00:00:03.000Z' },
        { runId: 1, state: 'pending', reasonCreated, scheduled: '1970-01-01T00:00:03.000Z' },
      ],
    })
    const spent = after({ ...lived(claimed), lostLimit: 0 }, { type: 'lost', how }, 9000)
    expect(taskStatus(spent)).toMatchObject({ state: 'exception', retriesLeft: 0, runs: [{ reasonResolved }] })
    expect(taskStatus(after(spent, { type: 'rerun' }, 9500)).runs).toMatchObject([{ reasonResolved }, { reasonCreated: 'rerun' }])
  })

  test('tell a rerun from a retry, and keep why the run before it ended', () => {
    expect(taskStatus(lived(claimed, completed, { type: 'rerun' })).runs).toMatchObject([
      { state: 'completed', reasonResolved: 'completed' },
      { state: 'pending', reasonCreated: 'rerun' },
    ])
    const rejected: TaskEvent = { type: 'rejected', startedAt: 2000, reason: 'internal-error' }
    expect(taskStatus(lived(claimed, rejected, { type: 'rerun' }, claimed)).runs).toMatchObject([
      { state: 'exception', reasonResolved: 'internal-error' },
      { state: 'running', reasonCreated: 'rerun' },
    ])
  })

  test('end with the one that was to come when the task was cancelled before it', () => {
    const cancelled = { state: 'exception', reasonResolved: 'canceled' }
    expect(taskStatus(lived({ type: 'cancelled' })).runs).toMatchObject([{ runId: 0, reasonCreated: 'scheduled', ...cancelled }])
    const byHand = after({ ...born, state: 'scheduled', dueAt: byHandAt }, { type: 'cancelled' }, 5000)
    expect(taskStatus(byHand).runs).toMatchObject([{ runId: 0, reasonCreated: 'exception', ...cancelled }])
    expect(taskStatus(lived(claimed, { type: 'lost', how: 'lost' }, { type: 'cancelled' })).runs).toMatchObject([
      { reasonResolved: 'worker-shutdown' },
      { runId: 1, reasonCreated: 'retry', ...cancelled },
    ])
    expect(taskStatus(lived(claimed, { type: 'cancelled' })).runs).toMatchObject([{ runId: 0, workerId: 'w1', ...cancelled }])
  })

  test.each<[TaskEvent, string]>([
    [{ type: 'cancelled' }, 'canceled'],
    [{ type: 'deadline' }, 'deadline-exceeded'],
  ])('keep the one that was given back when %j ends the next', (event, reasonResolved) => {
    const runs = taskStatus(lived(claimed, { type: 'released' }, event)).runs
    expect(runs).toMatchObject([
      { state: 'exception', reasonResolved: 'worker-shutdown', workerId: 'w1' },
      { runId: 1, reasonCreated: 'retry', state: 'exception', reasonResolved },
    ])
    expect(runs[1]).not.toHaveProperty('workerId')
    const again = taskStatus(lived(claimed, { type: 'released' }, event, { type: 'rerun' }, claimed)).runs
    expect(again).toMatchObject([{ reasonResolved: 'worker-shutdown' }, { runId: 1, state: 'running' }])
  })

  test('have no gaps, only the last is open, and the state is its own, whatever happens', () => {
    const event = fc.constantFrom<TaskEvent>(
      claimed,
      completed,
      { type: 'failed', startedAt: 1, failure: { name: 'Error', message: 'no' } },
      { type: 'retried', startedAt: 1, delayMs: 0, limit: 3 },
      { type: 'retried', startedAt: 1, delayMs: 500, limit: 3 },
      { type: 'released' },
      { type: 'lost', how: 'lost' },
      { type: 'cancelled' },
      { type: 'due' },
      { type: 'rerun' },
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), (events) => {
        const task = lived(...events)
        const { state, runs } = taskStatus(task)
        const told = events.map((_, index) => taskStatus(lived(...events.slice(0, index))).runs.length)
        for (const [index, { type }] of events.entries()) {
          if (type !== 'rerun') expect(told[index + 1] ?? runs.length).toBeGreaterThanOrEqual(told[index] ?? 0)
        }
        expect(runs.map(({ runId }) => runId)).toEqual(runs.map((_, index) => index))
        expect(state).toBe(runs.at(-1)?.state ?? 'unscheduled')
        for (const run of runs.slice(0, -1)) expect(['completed', 'failed', 'exception']).toContain(run.state)
        expect(['completed', 'failed', 'exception'].includes(state)).toBe(isResolved(task.state))
      }),
    )
  })
})

test('names of queues and workers are parted', () => {
  expect(splitQueue('prov/type')).toEqual({ provisionerId: 'prov', workerType: 'type' })
  expect(splitQueue('default')).toEqual({ provisionerId: '-', workerType: 'default' })
  expect(splitWorker('a@b@host')).toEqual({ workerGroup: 'host', workerId: 'a@b' })
  expect(splitWorker('alone')).toEqual({ workerGroup: '-', workerId: 'alone' })
})
