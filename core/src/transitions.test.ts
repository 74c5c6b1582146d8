/** The life of a task as a model: random events from any state, and what must hold whatever happens. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TaskPatch } from './ports/store.ts'
import { exceptionReasons, isResolved, type RunRecord, type TaskState, taskStates } from './task.ts'
import {
  beginMatters,
  decide,
  type TaskEvent,
  type TaskEventType,
  type TaskFacts,
  transitionFor,
  transitions,
} from './transitions.ts'

const failure = { name: 'Error', message: 'no' }

/** One maker of each event, so that a new event without a case here does not compile. */
const makers: { readonly [Type in TaskEventType]: fc.Arbitrary<Extract<TaskEvent, { type: Type }>> } = {
  unblocked: fc.constant({ type: 'unblocked' }),
  'dependency-failed': fc.constant({ type: 'dependency-failed' }),
  due: fc.constant({ type: 'due' }),
  claimed: fc.constant({ type: 'claimed' }),
  begun: fc.constant({ type: 'begun' }),
  completed: fc.record({ type: fc.constant('completed' as const), startedAt: fc.nat(), result: fc.constant('{}') }),
  failed: fc.record({
    type: fc.constant('failed' as const),
    startedAt: fc.nat(),
    failure: fc.constant(failure),
    reason: fc.constantFrom('timeout', undefined),
  }),
  retried: fc.record({
    type: fc.constant('retried' as const),
    startedAt: fc.nat(),
    delayMs: fc.nat(5000),
    limit: fc.nat(3),
    failure: fc.constantFrom(failure, undefined),
    reason: fc.constantFrom('timeout', undefined),
  }),
  released: fc.record({
    type: fc.constant('released' as const),
    startedAt: fc.constantFrom(1, undefined),
    delayMs: fc.constantFrom(0, 50, undefined),
    failure: fc.constantFrom(failure, undefined),
  }),
  rejected: fc.record({
    type: fc.constant('rejected' as const),
    startedAt: fc.nat(),
    reason: fc.constantFrom(...exceptionReasons),
    failure: fc.constantFrom(failure, undefined),
  }),
  lost: fc.record({
    type: fc.constant('lost' as const),
    how: fc.constantFrom('lost' as const, 'expired' as const, 'intermittent' as const),
  }),
  cancelled: fc.record({ type: fc.constant('cancelled' as const), message: fc.constantFrom('enough', undefined) }),
  deadline: fc.constant({ type: 'deadline' }),
  superseded: fc.constant({ type: 'superseded' }),
  rerun: fc.constant({ type: 'rerun' }),
}

const events: fc.Arbitrary<TaskEvent> = fc.oneof(...Object.values(makers))

/** Long stories in which tasks run often and live again, so that every path is walked. */
const often: readonly TaskEventType[] = [
  'claimed',
  'claimed',
  'claimed',
  'begun',
  'due',
  'due',
  'rerun',
  'retried',
  'released',
  'lost',
]
const stories = fc.array(fc.oneof(events, ...often.map((type): fc.Arbitrary<TaskEvent> => makers[type])), {
  maxLength: 60,
  size: 'max',
})
const settling = ['completed', 'failed', 'retried', 'released', 'rejected', 'lost', 'cancelled', 'deadline', 'superseded']

interface Model extends TaskFacts {
  readonly runs: readonly RunRecord[]
}

const fresh = fc.record({
  state: fc.constantFrom<TaskState>('blocked', 'scheduled', 'pending'),
  run: fc.constant(-1),
  retries: fc.constant(0),
  retryLimit: fc.option(fc.nat(3), { nil: undefined }),
  lost: fc.constant(0),
  lostLimit: fc.nat(3),
  dueAt: fc.option(fc.nat(10_000), { nil: undefined }),
  runs: fc.constant([]),
})

/** What every store does with a patch; claiming is its own and counts the run. */
function apply(task: Model, event: TaskEvent, patch: TaskPatch): Model {
  const { ended, ...fields } = patch
  const set = Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, value ?? undefined]))
  return {
    ...task,
    ...set,
    run: event.type === 'claimed' ? task.run + 1 : task.run,
    worker: event.type === 'claimed' ? 'w@h' : task.worker,
    runs: ended === undefined ? task.runs : [...task.runs, ended],
  }
}

/** Runs the events through `decide` and shows each step to the check. */
function live(
  start: Model,
  story: readonly TaskEvent[],
  check: (before: Model, event: TaskEvent, after: Model | undefined) => void,
) {
  let task = start
  for (const [now, event] of story.entries()) {
    const decision = decide(task, event, now * 1000)
    const after = decision.ok ? apply(task, event, decision.patch) : undefined
    check(task, event, after)
    task = after ?? task
  }
}

const property = (check: (before: Model, event: TaskEvent, after: Model | undefined) => void) =>
  fc.assert(fc.property(fresh, stories, (start, story) => live(start, story, check)))

describe('decide', () => {
  test('answers every event in every state, by the table and nothing else', () => {
    fc.assert(
      fc.property(fc.constantFrom(...taskStates), events, fresh, fc.nat(3), fc.nat(3), (state, event, start, retries, lost) => {
        const task = { ...start, state, run: 2, retries, lost }
        const decision = decide(task, event, 5000)
        const transition = transitionFor(state, event.type)
        expect(decision.ok).toBe(transition !== undefined)
        if (decision.ok) expect(transition?.to).toContain(decision.patch.state)
      }),
      { numRuns: 1000 },
    )
  })

  test('takes no sequence of events out of the table', () => {
    property((before, event, after) => {
      if (after !== undefined) expect(transitionFor(before.state, event.type)?.to).toContain(after.state)
    })
  })

  test('settles a run at most once', () => {
    fc.assert(
      fc.property(fresh, stories, (start, story) => {
        const settled = new Set<number>()
        live(start, story, (before, event, after) => {
          if (after === undefined || before.state !== 'running' || !settling.includes(event.type)) return
          expect(settled.has(before.run)).toBe(false)
          settled.add(before.run)
        })
      }),
    )
  })

  test('accepts nothing but a rerun for a resolved task', () => {
    property((before, event, after) => {
      if (isResolved(before.state)) expect(after === undefined).toBe(event.type !== 'rerun')
    })
  })

  test('keeps both budgets within their limits and never mixes them', () => {
    property((before, event, after) => {
      if (after === undefined) return
      expect(after.lost).toBeLessThanOrEqual(after.lostLimit)
      if (event.type === 'retried' && after.retries > before.retries) {
        expect(after.retries).toBeLessThanOrEqual(before.retryLimit ?? event.limit)
      }
      if (event.type === 'rerun') expect([after.retries, after.lost]).toEqual([0, 0])
      else {
        expect(after.retries - before.retries).toBe(event.type === 'retried' && after.state !== 'failed' ? 1 : 0)
        const isCounted = before.startedAt !== undefined || !beginMatters(before)
        expect(after.lost - before.lost).toBe(event.type === 'lost' && isCounted && after.state !== 'exception' ? 1 : 0)
        if (event.type === 'lost' && !isCounted) expect(after.state).toBe('pending')
      }
    })
  })

  test('never counts runs backwards, and records each at most once, in order', () => {
    property((before, _event, after) => {
      if (after === undefined) return
      expect(after.run).toBeGreaterThanOrEqual(before.run)
      const numbers = after.runs.map(({ run }) => run)
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
      for (const record of after.runs) expect(record.run).toBeLessThanOrEqual(after.run)
    })
  })

  test('gives the same answer for the same facts, event and time', () => {
    fc.assert(
      fc.property(fresh, events, fc.nat(), (task, event, now) => {
        expect(decide(task, event, now)).toEqual(decide(task, event, now))
      }),
    )
  })

  test('sets a time of resolution exactly with a resolved state', () => {
    property((_before, event, after) => {
      if (after !== undefined && event.type !== 'claimed') expect(after.resolvedAt !== undefined).toBe(isResolved(after.state))
    })
  })
})

describe('decide, by example', () => {
  const running: Model = { state: 'running', run: 1, retries: 0, lost: 0, lostLimit: 1, worker: 'w@h', startedAt: 5, runs: [] }
  const patchOf = (task: TaskFacts, event: TaskEvent, now = 100) => {
    const decision = decide(task, event, now)
    return decision.ok ? decision.patch : decision.refusal
  }

  test('a retry waits for its delay and is recorded', () => {
    expect(patchOf(running, { type: 'retried', startedAt: 7, delayMs: 50, limit: 1, failure })).toEqual({
      state: 'scheduled',
      dueAt: 150,
      retries: 1,
      ended: { run: 1, worker: 'w@h', startedAt: 7, endedAt: 100, outcome: 'retried', failure },
    })
  })

  test("the sender's retry limit stands above the definition's", () => {
    const retried = { type: 'retried', startedAt: 7, delayMs: 0, limit: 5, failure } as const
    expect(patchOf({ ...running, retryLimit: 0 }, retried)).toMatchObject({ state: 'failed', failure })
    expect(patchOf({ ...running, retryLimit: 0 }, { ...retried, reason: 'timeout' })).toMatchObject({ reason: 'timeout' })
    expect(patchOf({ ...running, retryLimit: 9, retries: 8 }, retried)).toMatchObject({ state: 'pending', retries: 9 })
  })

  test('a lost run costs of the lost budget until it is spent', () => {
    expect(patchOf(running, { type: 'lost', how: 'expired' })).toMatchObject({
      state: 'pending',
      lost: 1,
      ended: { outcome: 'expired', startedAt: 5 },
    })
    expect(patchOf({ ...running, lost: 1 }, { type: 'lost', how: 'lost' })).toMatchObject({
      state: 'exception',
      reason: 'worker-lost',
      failure: { name: 'WorkerLost', message: '2 workers were lost while running it (lostLimit 1)' },
    })
  })

  test('a run that had not begun costs nothing, except the first of a task that may lose several', () => {
    const after = (task: Model, event: TaskEvent): Model => apply(task, event, patchOf(task, event) as TaskPatch)
    const claimed = (facts: Partial<Model>) => after({ ...running, state: 'pending', ...facts }, { type: 'claimed' })
    const lostOf = (task: Model) => patchOf(task, { type: 'lost', how: 'lost' })
    expect(lostOf(claimed({ lost: 0, lostLimit: 5 }))).toMatchObject({ lost: 1, state: 'pending' })
    for (const facts of [
      { lost: 1, lostLimit: 5 },
      { lost: 5, lostLimit: 5 },
      { lost: 0, lostLimit: 1 },
      { lost: 0, lostLimit: 0 },
    ]) {
      const task = claimed(facts)
      expect(lostOf(task)).toEqual({ state: 'pending', dueAt: null })
      const begun = after(task, { type: 'begun' })
      const spent = facts.lost === facts.lostLimit
      expect(lostOf(begun)).toMatchObject(spent ? { reason: 'worker-lost' } : { lost: facts.lost + 1 })
    }
  })

  test('an unblocked task waits for its time', () => {
    const blocked: Model = { ...running, state: 'blocked', run: -1 }
    expect(patchOf({ ...blocked, dueAt: 101 }, { type: 'unblocked' })).toEqual({ state: 'scheduled' })
    expect(patchOf({ ...blocked, dueAt: 100 }, { type: 'unblocked' })).toEqual({ state: 'pending', dueAt: null })
  })

  test.each([
    ['completed', undefined, 'completed'],
    ['failed', 'timeout', 'failed'],
    ['exception', 'worker-lost', 'lost'],
    ['exception', 'malformed-payload', 'rejected'],
    ['exception', 'deadline-exceeded', 'cancelled'],
  ] as const)('a rerun of a task that ended as %s (%s) records its last run as %s', (state, reason, outcome) => {
    const task = { ...running, state, reason, resolvedAt: 60, failure }
    expect(patchOf(task, { type: 'rerun' })).toMatchObject({
      state: 'pending',
      resolvedAt: null,
      result: null,
      ended: { run: 1, startedAt: 5, endedAt: 60, outcome, failure },
    })
  })

  test('a rerun after the deadline has no point and is refused', () => {
    const task = { ...running, state: 'failed', deadline: 90 } as const
    expect(patchOf(task, { type: 'rerun' })).toBe('expected the deadline to be ahead for `rerun`, got: passed 10 ms ago')
    expect(patchOf({ ...task, deadline: 101 }, { type: 'rerun' })).toMatchObject({ state: 'pending' })
  })

  test('a rerun renews no more of the budget of lost workers than the most runs leave room for', () => {
    const task = { ...running, state: 'failed', lost: 3, lostLimit: 3 } as const
    const lostAfter = (run: number): unknown => {
      const patch = patchOf({ ...task, run }, { type: 'rerun', mostRuns: 10 })
      return typeof patch === 'string' ? patch : patch.lost
    }
    expect([0, 5, 6, 8, 9].map(lostAfter)).toEqual([0, 0, 1, 3, 'expected fewer than 10 runs for `rerun`, got: 10'])
    expect(patchOf({ ...task, run: 99 }, { type: 'rerun' })).toMatchObject({ lost: 0 })
  })

  test('a refusal says from where the event is legal', () => {
    expect(patchOf(running, { type: 'claimed' })).toBe('expected the task to be pending for `claimed`, got: running')
    expect(patchOf({ ...running, state: 'failed' }, { type: 'cancelled' })).toBe(
      'expected the task to be blocked, scheduled, pending or running for `cancelled`, got: failed',
    )
  })
})

describe('transitions', () => {
  test('names each event once, and only states that there are', () => {
    expect(new Set(transitions.map(({ event }) => event)).size).toBe(transitions.length)
    expect(transitions.map(({ event }) => event).sort()).toEqual(Object.keys(makers).sort())
    for (const { from, to } of transitions) for (const state of [...from, ...to]) expect(taskStates).toContain(state)
  })

  const page = () => readFileSync(new URL('../../docs/task-life.md', import.meta.url), 'utf8')

  test('stand in docs/task-life.md exactly as here', () => {
    const rows = [...page().matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
      ([, event, from, to, meaning]) => ({
        event,
        from: from?.trim().split(', '),
        to: to?.trim().split(', '),
        meaning: meaning?.trim(),
      }),
    )
    expect(rows).toEqual(transitions)
  })

  test('are the arrows of the picture in docs/task-life.md', () => {
    const arrows = [...page().matchAll(/^ {2}([a-z]+) --> ([a-z]+)(?: : .*)?$/gm)].map(([, from, to]) => `${from} ${to}`)
    const legal = transitions.flatMap(({ from, to }) => from.flatMap((source) => to.map((target) => `${source} ${target}`)))
    expect([...new Set(arrows)].sort()).toEqual([...new Set(legal)].sort())
  })

  test('the reasons in docs/task-life.md are those of core', () => {
    const reasons = [...page().matchAll(/^\| `([a-z-]+)` \| ([^|]+) \|$/gm)].map(([, reason]) => reason)
    expect(reasons).toEqual([...exceptionReasons])
  })
})
