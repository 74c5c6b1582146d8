/** The desk: requests that wait are woken and served in turn, leases are the worker's own, and nothing is left behind. */
import { BugError, type ClaimRequest, type Desk, type DeskClaim, type Task, type TaskEvent } from '@lovage/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { job, Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
let desk: Desk
beforeEach(async () => {
  w = await world()
  desk = deskOf(w)
})
afterEach(() => w.close())

function deskOf({ broker }: Pick<World, 'broker'>): Desk {
  if (broker.desk === undefined) throw new BugError('BUG', 'the queue has a desk')
  return broker.desk
}

const elsewhere = (holder: string) => ({ name: 'w1@test', holder, host: 'test', queues: ['default'], tasks: [] })
const wish = (fields: Partial<DeskClaim> = {}): DeskClaim => ({
  ...{ queues: ['default'], holder: 'h1', worker: 'w1@group', limit: 1, leaseMs: 1_200_000, waitMs: 20_000 },
  ...fields,
})
const idsOf = (tasks: readonly Task[]): readonly string[] => tasks.map(({ id }) => id)
const completed = (task: Task): TaskEvent => ({ type: 'completed', startedAt: task.startedAt ?? 0, result: 'null' })
async function stored(id: string): Promise<Task> {
  const [task] = await w.backend.store.get([id])
  if (task === undefined) throw new BugError('BUG', `task ${id} is stored`)
  return task
}

describe('sending', () => {
  test.each([
    ['pending', {}],
    ['scheduled', { at: 1_900_000_000_000 }],
    ['blocked', { dependencies: ['first'] }],
  ])('answers with the %s task as it is stored', async (state, fields) => {
    await w.broker.tasks.send([job('first')])
    const message = job('a', { ...fields, key: 'k', lostLimit: 3, input: { x: 1 }, deadline: 1_900_000_000_001 })
    const { task, isNew } = await desk.send(message)
    expect([task, isNew, task.state]).toEqual([await stored('a'), true, state])
    await w.clock.advance(1000)
    expect(await desk.send(message), 'sent again').toEqual({ task: await stored('a'), isNew: false })
    await expect(desk.send({ ...message, input: 2 })).rejects.toMatchObject({ code: 'TASK_CONFLICT' })
  })

  test('asks the store once', async () => {
    const before = { ...w.calls }
    await Promise.all(['a', 'b', 'c'].map((id) => desk.send(job(id))))
    expect(w.calls).toEqual({ ...before, insert: (before.insert ?? 0) + 1 })
  })
})

describe('claiming', () => {
  test('answers at once with what there is, and never waits to fill up', async () => {
    await w.broker.tasks.send([job('a'), job('b', { name: 'another' }), job('c')])
    const tasks = await desk.claim(wish({ limit: 5 }))
    expect(idsOf(tasks)).toEqual(['a', 'b', 'c'])
    const takenUntil = w.clock.now() + 1_200_000
    expect(tasks[0]).toMatchObject({ run: 0, holder: 'h1', worker: 'w1@group', startedAt: w.clock.now(), takenUntil })
    expect(await stored('a')).toEqual(tasks[0])
  })

  test('rounds the end of the lease up to a second', async () => {
    await w.clock.advance(1)
    await w.broker.tasks.send([job('a')])
    const [task] = await desk.claim(wish())
    expect(task?.takenUntil).toBe(w.clock.now() + 1_200_999)
  })

  test('waits until there is something, asking nobody meanwhile', async () => {
    const waiting = desk.claim(wish())
    await settled()
    const asked = { ...w.calls }
    await w.clock.advance(19_000)
    expect(w.calls).toEqual(asked)
    await w.broker.tasks.send([job('a')])
    expect(idsOf(await waiting)).toEqual(['a'])
  })

  test('is over with nothing when its time is', async () => {
    const waiting = desk.claim(wish())
    await w.clock.advance(20_000)
    expect(await waiting).toEqual([])
    await w.broker.tasks.send([job('a')])
    await settled()
    expect((await stored('a')).state).toBe('pending')
  })

  test('hears of what comes while it looks', async () => {
    const claim = w.backend.store.claim.bind(w.backend.store)
    let sent: Promise<unknown> | undefined
    const store = {
      ...w.backend.store,
      claim: async (request: ClaimRequest) => {
        const reply = await claim(request)
        sent ??= w.broker.tasks.send([job('a')])
        await sent
        await settled()
        return reply
      },
    }
    expect(idsOf(await deskOf({ broker: await w.another({ store }) }).claim(wish()))).toEqual(['a'])
  })

  test('wakes for what becomes due', async () => {
    await w.broker.tasks.send([job('a', { at: w.clock.now() + 5000 })])
    const waiting = desk.claim(wish())
    await w.clock.advance(5000)
    expect(idsOf(await waiting)).toEqual(['a'])
  })

  test('serves a hundred that wait in turn, a claim for each and one more', async () => {
    const waiting = Array.from({ length: 100 }, (_, n) => desk.claim(wish({ holder: `h${n}` })))
    await settled()
    const before = w.calls.claim ?? 0
    await w.broker.tasks.send([job('a')])
    expect(idsOf(await (waiting[0] as Promise<readonly Task[]>))).toEqual(['a'])
    await settled()
    expect((w.calls.claim ?? 0) - before).toBeLessThanOrEqual(2)
    await w.broker.tasks.send(Array.from({ length: 99 }, (_, n) => job(`t${n}`)))
    const rest = (await Promise.all(waiting.slice(1))).map(idsOf)
    expect(rest).toEqual(Array.from({ length: 99 }, (_, n) => [`t${n}`]))
    // Two, four, eight ... at a time.
    expect((w.calls.claim ?? 0) - before).toBeLessThanOrEqual(16)
  })

  test('frees the place of a worker that is gone', async () => {
    const gone = new AbortController()
    const waiting = desk.claim(wish({ signal: gone.signal }))
    const next = desk.claim(wish({ holder: 'h2' }))
    await settled()
    gone.abort()
    expect(await waiting).toEqual([])
    await w.broker.tasks.send([job('a')])
    expect(idsOf(await next)).toEqual(['a'])
    expect((await stored('a')).holder).toBe('h2')
  })

  test('served together gives back the part of one that is gone meanwhile', async () => {
    const gone = new AbortController()
    const claim = w.backend.store.claim.bind(w.backend.store)
    const slow = await w.another({
      store: {
        ...w.backend.store,
        claim: async (request) => {
          const reply = await claim(request)
          if (request.others !== undefined) gone.abort()
          return reply
        },
      },
    })
    await w.broker.tasks.send(['a', 'b', 'c', 'd'].map((id) => job(id)))
    const fields = [{ holder: 'h1' }, { holder: 'h2' }, { holder: 'h3', signal: gone.signal }, { holder: 'h4' }]
    const got = await Promise.all(fields.map((field) => deskOf({ broker: slow }).claim(wish(field))))
    expect(got.map(idsOf)).toEqual([['a'], ['b'], [], ['d']])
    await settled()
    expect(await stored('c')).toMatchObject({ state: 'pending', lost: 0, runs: [] })
    expect((await stored('d')).holder).toBe('h4')
  })

  test('gives back what came too late for a worker that is gone', async () => {
    const gone = new AbortController()
    const claim = w.backend.store.claim.bind(w.backend.store)
    const slow = await w.another({
      store: {
        ...w.backend.store,
        claim: async (request) => {
          const reply = await claim(request)
          if (reply.tasks.length > 0) gone.abort()
          return reply
        },
      },
    })
    const waiting = deskOf({ broker: slow }).claim(wish({ signal: gone.signal }))
    await settled()
    await w.broker.tasks.send([job('a')])
    expect(await waiting).toEqual([])
    await settled()
    expect(await stored('a')).toMatchObject({ state: 'pending', lost: 0, runs: [] })
  })

  test('takes a task by its id, once', async () => {
    await w.broker.tasks.send([job('a'), job('b')])
    expect(idsOf(await desk.claim(wish({ ids: ['b'] })))).toEqual(['b'])
    expect(await desk.claim(wish({ ids: ['b'], holder: 'h2' }))).toEqual([])
  })

  test('makes inputs of results, as for every worker', async () => {
    await w.broker.tasks.send([job('a'), job('b', { dependencies: ['a'], bind: 'one' })])
    const [first] = await desk.claim(wish())
    expect(await desk.settle(first as Task, { ...completed(first as Task), result: '{"x":1}' } as TaskEvent)).toBe(true)
    const [second] = await desk.claim(wish())
    expect(second).toMatchObject({ id: 'b', input: '{"x":1}' })
  })

  test('a native worker and one elsewhere share a queue', async () => {
    const recorder = await new Recorder().open(w.broker, { prefetch: 1 })
    await w.broker.tasks.send([job('a'), job('b')])
    await settled()
    expect(recorder.names).toEqual(['a'])
    expect(idsOf(await desk.claim(wish()))).toEqual(['b'])
  })

  test('is woken where others take hints', async () => {
    const posted: unknown[] = []
    const hints = { post: (hint: unknown) => void posted.push(hint), take: async () => ({ pause() {}, resume() {}, end() {} }) }
    const hinted = await w.another({ signal: Object.assign(Object.create(w.backend.signal), { hints }) })
    const waiting = desk.claim(wish())
    await settled()
    await hinted.tasks.send([job('a')])
    expect(idsOf(await waiting)).toEqual(['a'])
    expect(posted).toEqual([{ queue: 'default', name: 'job', amount: 1 }])
  })

  test('that is on its way when the broker closes goes back', async () => {
    const claim = w.backend.store.claim.bind(w.backend.store)
    let closing: Promise<void> | undefined
    const slow = await w.another({
      store: {
        ...w.backend.store,
        claim: async (request) => {
          const reply = await claim(request)
          if (reply.tasks.length > 0) {
            closing = slow.close()
            await settled()
          }
          return reply
        },
      },
    })
    await w.broker.tasks.send([job('a')])
    expect(await deskOf({ broker: slow }).claim(wish())).toEqual([])
    await closing
    expect(await stored('a')).toMatchObject({ state: 'pending', lost: 0, runs: [] })
  })

  test('is answered when the broker closes', async () => {
    const waiting = desk.claim(wish())
    await settled()
    await w.broker.close()
    expect(await waiting).toEqual([])
    await expect(desk.claim(wish())).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })
})

describe('a run', () => {
  test('is kept by renewing it, and by nothing else', async () => {
    await w.broker.tasks.send([job('a'), job('b')])
    const [a, b] = await desk.claim(wish({ limit: 2 }))
    await w.clock.advance(1_000_000)
    const { until, held } = await desk.renew({ holder: 'h1', runs: [{ id: 'a', run: 0 }], leaseMs: 1_200_000 })
    expect([until, held]).toEqual([w.clock.now() + 1_200_000, [{ id: 'a', run: 0 }]])
    await w.clock.advance(300_000)
    expect((await stored('a')).state).toBe('running')
    expect(await stored('b')).toMatchObject({
      state: 'pending',
      lost: 1,
      runs: [{ run: 0, outcome: 'expired', worker: 'w1@group' }],
    })
    expect(await desk.settle(b as Task, completed(b as Task))).toBe(false)
    expect(await desk.settle(a as Task, completed(a as Task))).toBe(true)
  })

  test('is renewed with those of others in one call, and for its own holder alone', async () => {
    await w.broker.tasks.send([job('a'), job('b')])
    await desk.claim(wish())
    await desk.claim(wish({ holder: 'h2' }))
    const before = w.calls.renew ?? 0
    const ask = (holder: string, id: string, leaseMs = 1_200_000) => desk.renew({ holder, runs: [{ id, run: 0 }], leaseMs })
    const answers = await Promise.all([ask('h1', 'a'), ask('h2', 'b'), ask('h2', 'none'), ask('h1', 'b'), ask('h2', 'a')])
    expect(answers.map(({ held }) => held.map(({ id }) => id))).toEqual([['a'], ['b'], [], [], []])
    // Two say that `b` is theirs, and two that `a` is.
    expect((w.calls.renew ?? 0) - before).toBe(2)
    const [longer] = await Promise.all([ask('h1', 'a', 2_400_000), ask('h2', 'b')])
    expect(longer.until).toBe(w.clock.now() + 2_400_000)
  })

  test('that ends with its lease wakes whoever waits', async () => {
    await w.broker.tasks.send([job('a')])
    await desk.claim(wish({ leaseMs: 10_000 }))
    const waiting = desk.claim(wish({ holder: 'h2' }))
    await w.clock.advance(10_100)
    expect(await waiting).toMatchObject([{ id: 'a', run: 1, lost: 1 }])
  })

  test('counts as begun as soon as it is claimed', async () => {
    await w.broker.tasks.send([job('a', { lostLimit: 0 })])
    await desk.claim(wish())
    expect(await desk.lose('h1', w.clock.now())).toEqual([{ id: 'a', run: 0 }])
    expect(await stored('a')).toMatchObject({ state: 'exception', reason: 'worker-lost' })
  })

  test('is lost with its holder, unless it began later', async () => {
    await w.broker.tasks.send([job('a'), job('b')])
    await desk.claim(wish())
    const then = w.clock.now()
    await w.clock.advance(1000)
    await desk.claim(wish())
    const waiting = desk.claim(wish({ holder: 'h2' }))
    expect(await desk.lose('h1', then)).toEqual([{ id: 'a', run: 0 }])
    expect(idsOf(await waiting)).toEqual(['a'])
    expect(await stored('b')).toMatchObject({ state: 'running', holder: 'h1' })
    expect(await desk.lose('h1', then)).toEqual([])
  })
})

describe('while it runs', () => {
  test('progress that cannot be kept leaves a line that says so', async () => {
    const small = deskOf({ broker: await w.another({ maxPayload: 20 }) })
    await w.broker.tasks.send([job('a')])
    const [a] = await small.claim(wish())
    small.note(a as Task, { progress: 'x'.repeat(30) })
    await small.settle(a as Task, completed(a as Task))
    expect((await stored('a')).progress).toBeUndefined()
    expect(await w.broker.admin?.logs('a')).toMatchObject([{ level: 'warn', text: expect.stringContaining('20 characters') }])
  })

  test('a holder is told of what it lost, until it stops listening', async () => {
    await w.broker.tasks.send([job('a'), job('b')])
    await desk.claim(wish({ limit: 2 }))
    const heard: unknown[] = []
    const watch = await desk.watch(elsewhere('h1'), (abandoned) => heard.push(abandoned))
    await w.broker.tasks.cancel(['a'])
    await settled()
    await watch.end()
    await desk.lose('h1', w.clock.now())
    await settled()
    expect(heard).toEqual([{ id: 'a', run: 0, reason: 'cancelled' }])
  })
})

describe('changes', () => {
  test('make a task pending that waits, and no other', async () => {
    await w.broker.tasks.send([job('a', { at: w.clock.now() + 99_000 }), job('b'), job('c', { dependencies: ['b'] })])
    const waiting = desk.claim(wish({ limit: 3 }))
    expect(idsOf(await waiting)).toEqual(['b'])
    expect(await desk.schedule(['a', 'b', 'c', 'none'])).toEqual([true, false, true, false])
    expect(idsOf(await desk.claim(wish({ limit: 3 })))).toEqual(['a', 'c'])
  })

  test('of priority count from the next claim on', async () => {
    await w.broker.tasks.send([job('a'), job('b'), job('c')])
    const [a] = await desk.claim(wish())
    await desk.settle(a as Task, completed(a as Task))
    expect(await desk.prioritize(['a', 'c', 'none'], 7)).toEqual([false, true, false])
    expect(idsOf(await desk.claim(wish({ limit: 2 })))).toEqual(['c', 'b'])
    expect(await desk.prioritize(['c'], 1)).toEqual([true])
    expect(await stored('c')).toMatchObject({ state: 'running', holder: 'h1', priority: 1 })
  })
})
