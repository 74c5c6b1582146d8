/** The conformance kit can fail: each way of breaking a store turns some of its cases red. */
import type { NewTask, Store, StoreCapabilities, Task } from '@lovage/core'
import { doctorCases, runnableCases, skippedCases, storeCases } from '@lovage/store-conformance'
import { describe, expect, test } from 'vitest'
import { memoryStore } from './memory-store.ts'

type Sabotage = (store: Store) => Partial<Store>

const insertOf = (store: Store, change: (task: NewTask) => NewTask): Partial<Store> => ({
  insert: (tasks, options) => store.insert(tasks.map(change), options),
})

const sabotages: Readonly<Record<string, Sabotage>> = {
  'claim: priorities are ignored': (store) => insertOf(store, (task) => ({ ...task, priority: 4 })),
  'claim: newest first': (store) => ({
    claim: async (request) => {
      const reply = await store.claim(request)
      return { ...reply, tasks: reply.tasks.toReversed() }
    },
  }),
  'claim: the limit is one more': (store) => ({ claim: (request) => store.claim({ ...request, limit: request.limit + 1 }) }),
  'claim: names are ignored': (store) => ({ claim: (request) => store.claim({ ...request, names: undefined }) }),
  'claim: no due time is told': (store) => ({ claim: async (request) => ({ tasks: (await store.claim(request)).tasks }) }),
  'claim: due times are early': (store) => ({ claim: (request) => store.claim({ ...request, now: request.now + 1 }) }),
  'update: the run is not compared': (store) => ({
    update: async (changes) => {
      const now = await store.get(changes.map(({ id }) => id))
      return store.update(changes.map((change, index) => ({ ...change, run: now[index]?.run ?? change.run })))
    },
  }),
  'update: the state is not compared': (store) => ({
    update: async (changes) => {
      const now = await store.get(changes.map(({ id }) => id))
      return store.update(changes.map((change, index) => ({ ...change, from: now[index]?.state ?? change.from })))
    },
  }),
  'update: the lease is not compared': (store) => ({
    update: (changes) => store.update(changes.map(({ takenUntil: _until, ...change }) => change)),
  }),
  'update: nothing is cleared': (store) => ({
    update: (changes) =>
      store.update(
        changes.map((change) => ({
          ...change,
          patch: Object.fromEntries(Object.entries(change.patch).filter(([, value]) => value !== null)) as never,
        })),
      ),
  }),
  'update: ripples are not told': (store) => ({
    update: async (changes) => ({ ...(await store.update(changes)), ready: [], resolved: [] }),
  }),
  'insert: dependencies are forgotten': (store) =>
    insertOf(store, ({ extras, ...task }) => ({ ...task, extras: { ...extras, dependencies: [] } })),
  'insert: whole batches are not': (store) => ({ insert: (tasks) => store.insert(tasks) }),
  'insert: keys are forgotten': (store) => insertOf(store, ({ key: _key, ...task }) => task as NewTask),
  'insert: key windows are forgotten': (store) => insertOf(store, ({ keyUntil: _until, ...task }) => task as NewTask),
  'insert: keys are never replaced': (store) =>
    insertOf(store, ({ keyPolicy, ...task }) => ({ ...task, keyPolicy: keyPolicy === 'replace' ? 'existing' : keyPolicy })),
  'insert: deadlines are forgotten': (store) => insertOf(store, ({ deadline: _deadline, ...task }) => task as NewTask),
  'renew: what others hold is renewed and told as well': (store) => ({
    renew: async (request) => [...(await store.renew(request)), ...(await store.renew({ ...request, holder: 'h2' }))],
  }),
  'renew: nothing is moved': (store) => ({ renew: (request) => store.renew({ ...request, until: 0 }) }),
  'sweep: nothing is overdue': (store) => ({
    sweep: async (now, limit) => ({ ...(await store.sweep(now, limit)), overdue: [] }),
  }),
  'sweep: the limit is ignored': (store) => ({ sweep: (now) => store.sweep(now, 1000) }),
  'find: the cursor is ignored': (store) => ({ find: ({ cursor: _cursor, ...query }) => store.find(query) }),
  'find: the order is ignored': (store) => ({ find: ({ order: _order, ...query }) => store.find(query) }),
  'find: counts are off by one': (store) => ({
    counts: async () => (await store.counts()).map((entry) => ({ ...entry, count: entry.count + 1 })),
  }),
  'note: old runs are heard': (store) => ({
    note: async (notes) => {
      const tasks = await store.get(notes.map(({ id }) => id))
      return store.note(notes.map((note, index) => ({ ...note, run: tasks[index]?.run ?? note.run })))
    },
  }),
  'prune: the time is ignored': (store) => ({ prune: (request) => store.prune({ ...request, before: Number.MAX_SAFE_INTEGER }) }),
  'prune: tasks go with their results': (store) => ({ prune: (request) => store.prune({ ...request, what: 'task' }) }),
  'records: versions are ignored': (store) => ({
    records: {
      ...store.records,
      write: (writes) => store.records.write(writes.map(({ kind, key, value }) => ({ kind, key, value }))),
    },
  }),
  'close: calls go on': () => ({ close: async () => undefined }),
}

const verbOf = (name: string): string => name.slice(0, name.indexOf(':'))

async function failures(make: () => Store, verb: string): Promise<readonly string[]> {
  const names: string[] = []
  for (const { name, run } of runnableCases(make().capabilities)) {
    if (!name.startsWith(`${verb}/`)) continue
    const store = make()
    await run({ open: async () => store }).catch(() => names.push(name))
  }
  return names
}

describe('the kit', () => {
  for (const [name, sabotage] of Object.entries(sabotages)) {
    test(`notices: ${name}`, async () => {
      const broken = (): Store => {
        const store = memoryStore()
        return { ...store, ...sabotage(store) }
      }
      expect(await failures(memoryStore, verbOf(name))).toEqual([])
      expect(await failures(broken, verbOf(name))).not.toEqual([])
    })
  }

  test('gives every case a name of its own', () => {
    expect(new Set(storeCases.map(({ name }) => name)).size).toBe(storeCases.length)
  })

  test('leaves out what a store cannot do, and what it excuses itself from, with the reason', () => {
    const capabilities: StoreCapabilities = { durable: false, shared: true, renewsAlone: false }
    const skips = [{ reason: 'because', cases: ['find/by key'] }]
    const skipped = skippedCases(capabilities, skips)
    expect(skipped.find(({ name }) => name === 'find/by key')?.reason).toBe('because')
    expect(skipped.find(({ name }) => name.startsWith('crash/'))?.reason).toBe('the store is not durable')
    expect(runnableCases(capabilities, skips).length + skipped.length).toBe(storeCases.length)
  })

  test('refuses to skip what does not exist', () => {
    const skips = [{ reason: 'because', cases: ['find/nonsense'] }]
    expect(() => runnableCases(memoryStore().capabilities, skips)).toThrow('find/nonsense')
  })
})

const now = 1_700_000_000_000

/** A store in which every state has a task. */
async function populated(): Promise<Store> {
  const store = memoryStore()
  const task = (id: string, fields: Partial<NewTask> = {}): NewTask => ({
    id,
    name: 'n',
    queue: 'q',
    priority: 4,
    input: '1',
    lostLimit: 1,
    createdAt: now,
    ...fields,
  })
  await store.insert([task('done'), task('failed'), task('cancelled'), task('running')])
  await store.claim({ queues: ['q'], holder: 'h', worker: 'w@test', limit: 4, now, until: now + 1000 })
  await store.update([
    { id: 'done', from: 'running', run: 0, patch: { state: 'completed', result: '1', resolvedAt: now } },
    { id: 'failed', from: 'running', run: 0, patch: { state: 'failed', failure: { name: 'E', message: 'm' }, resolvedAt: now } },
    { id: 'cancelled', from: 'running', run: 0, patch: { state: 'exception', reason: 'cancelled', resolvedAt: now } },
  ])
  await store.insert([
    task('pending'),
    task('scheduled', { dueAt: now + 50 }),
    task('blocked', { extras: { dependencies: ['done', 'running'] } }),
  ])
  await store.insert([task('waiting', { extras: { dependencies: ['failed'], onDependencyFailure: 'wait' } })])
  await store.records.write([{ kind: 'paused', key: 'q', value: '{}' }])
  return store
}

/** Each shows one task otherwise than it is. */
const lies: Readonly<Record<string, (task: Task) => Partial<Task>>> = {
  'holder, a worker and a lease': ({ id }) => (id === 'running' ? { takenUntil: undefined } : {}),
  'and no other task has': ({ id }) => (id === 'pending' ? { holder: 'h' } : {}),
  'scheduled ones have a due time': ({ id }) => (id === 'scheduled' ? { dueAt: undefined } : {}),
  'pending tasks are due': ({ id }) => (id === 'pending' ? { dueAt: now + 9 } : {}),
  'resolved tasks say when': ({ id }) => (id === 'failed' ? { resolvedAt: undefined } : {}),
  'say when and why': ({ id }) => (id === 'cancelled' ? { reason: undefined } : {}),
  'no budget is overdrawn': ({ id }) => (id === 'running' ? { lost: 2 } : {}),
  'runs are in order': ({ id }) =>
    id === 'failed' ? { run: -1, runs: [{ run: 1, worker: 'w', startedAt: 0, endedAt: 0, outcome: 'lost' }] } : {},
  'payloads are JSON': ({ id }) => (id === 'done' ? { result: '{' } : {}),
  'something to wait for': ({ id }) => (id === 'running' ? { state: 'completed' } : {}),
}

describe('the doctor', () => {
  test.for(doctorCases)('finds nothing wrong: $name', async ({ run }) => {
    await run(await populated(), now)
    await run(memoryStore(), now)
  })

  for (const [promise, lie] of Object.entries(lies)) {
    test(`finds: ${promise}`, async () => {
      const store = await populated()
      const shown = (task: Task): Task => ({ ...task, ...lie(task) })
      const sick: Store = {
        ...store,
        get: async (ids) => (await store.get(ids)).map((task) => (task === undefined ? undefined : shown(task))),
        find: async (query) => ({ ...(await store.find(query)), tasks: (await store.find(query)).tasks.map(shown) }),
      }
      const { run } = doctorCases.find(({ name }) => name.includes(promise))!
      await expect(run(sick, now)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    })
  }

  test.for<[string, Sabotage]>([
    ['counts agree', sabotages['find: counts are off by one']!],
    [
      'pages do not repeat',
      (store) => ({ find: async (query) => ({ ...(await store.find({ ...query, cursor: undefined as never })), cursor: '1' }) }),
    ],
    [
      'answered as absent',
      (store) => ({ get: async (ids) => (await store.get(ids)).map((task) => task ?? ({ id: 'x' } as Task)) }),
    ],
    ['same tasks', (store) => ({ get: async (ids) => await store.get([...ids].reverse()) })],
    [
      'records',
      (store) => ({ records: { ...store.records, list: async (kind) => [{ kind, key: 'a', value: '{', version: 1 }] } }),
    ],
  ])('finds: %s', async ([promise, sabotage]) => {
    const store = await populated()
    const { run } = doctorCases.find(({ name }) => name.includes(promise))!
    await expect(run({ ...store, ...sabotage(store) }, now)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  })
})
