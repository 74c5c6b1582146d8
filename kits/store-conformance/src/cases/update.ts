/** What updating owes: fences, fields, and the tasks behind a resolved one. */
import type { Task } from '@lovage/core'
import { expectEqual, expectSameSet } from '../expect.ts'
import {
  after,
  apply,
  cancelled,
  changeFor,
  claim,
  claimOne,
  claimRequest,
  completed,
  failed,
  idsOf,
  insert,
  lost,
  move,
  newTask,
  newTasks,
  released,
  rerun,
  retriedAfter,
  statesOf,
  t0,
  taskOf,
  work,
} from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

export const updateCases: readonly StoreCase[] = [
  storeCase('update/a lease that was renewed since it was looked at is not ended', async (store) => {
    await insert(store, newTask('a'), newTask('b'))
    const tasks = await claim(store, { until: t0 + 100_000 })
    const expiry = (task: Task, takenUntil: number) => ({ ...changeFor(task, lost, t0 + 100_000), takenUntil })
    await store.renew({ holder: 'h1', until: t0 + 200_000 })
    const late = await store.update(tasks.map((task) => expiry(task, t0 + 100_000)))
    expectEqual(late.applied, [false, false], 'whether the leases could be ended as they were before')
    expectEqual((await taskOf(store, 'a')).takenUntil, t0 + 200_000, 'the lease')
    const { applied } = await store.update(tasks.map((task) => expiry(task, t0 + 200_000)))
    expectEqual(applied, [true, true], 'whether they could be ended as they are')
    const waiting = await store.update([{ ...changeFor(await taskOf(store, 'a'), cancelled), takenUntil: t0 + 200_000 }])
    expectEqual(waiting.applied, [false], 'whether a task without a lease could be changed by its lease')
  }),
  storeCase('update/sets the fields of the patch', async (store) => {
    await insert(store, newTask('a'))
    const before = await claimOne(store)
    const failure = { name: 'TypeError', message: 'é', code: 'E', stack: 'at x', cause: { name: 'Error', message: 'deep' } }
    const ended = { run: 0, worker: 'w1@test', startedAt: t0 + 1, endedAt: t0 + 2, outcome: 'failed', failure } as const
    const patch = { reason: 'timeout', retries: 2, lost: 1, startedAt: t0 + 3, resolvedAt: t0 + 4, result: '{"r":1}', failure }
    await store.update([{ id: 'a', from: 'running', run: 0, patch: { state: 'failed', ...patch, ended } }])
    const expected = { ...before, ...patch, state: 'failed', holder: undefined, takenUntil: undefined, runs: [ended] }
    expectEqual(await taskOf(store, 'a'), expected, 'the stored task')
  }),
  storeCase('update/what is absent stays, what is null is cleared', async (store) => {
    await insert(store, newTask('a'))
    const fields = { reason: 'x', resolvedAt: t0 + 4, result: '1', failure: { name: 'E', message: 'm' }, retries: 1, lost: 1 }
    await store.update([{ id: 'a', from: 'pending', run: -1, patch: { state: 'failed', ...fields } }])
    await store.update([{ id: 'a', from: 'failed', run: -1, patch: { state: 'scheduled', dueAt: t0 + 50 } }])
    expectEqual(
      await taskOf(store, 'a'),
      { ...(await taskOf(store, 'a')), ...fields, dueAt: t0 + 50 },
      'the task after a patch without them',
    )
    const cleared = { reason: null, resolvedAt: null, result: null, failure: null, dueAt: null }
    await store.update([{ id: 'a', from: 'scheduled', run: -1, patch: { state: 'pending', ...cleared } }])
    const { reason, resolvedAt, result, failure, dueAt, retries } = await taskOf(store, 'a')
    expectEqual(
      [reason, resolvedAt, result, failure, dueAt, retries].filter((value) => value !== undefined),
      [1],
      'what is left',
    )
  }),
  storeCase('update/leaving running clears holder and lease and keeps the name of the worker', async (store) => {
    await insert(store, newTask('a'))
    await apply(store, await claimOne(store), released)
    const task = await taskOf(store, 'a')
    expectEqual(
      [task.holder, task.takenUntil, task.worker, task.run],
      [undefined, undefined, 'w1@test', 0],
      'the facts of the run',
    )
  }),
  storeCase('update/gives one flag per change, in order, each seeing those before', async (store) => {
    await insert(store, ...newTasks(2))
    const [first, second] = await claim(store)
    if (first === undefined || second === undefined) return
    const changes = [changeFor(second, failed), changeFor(first, completed), changeFor(second, completed)]
    const { applied } = await store.update(changes)
    expectEqual(applied, [true, true, false], 'the flags')
    expectEqual(await statesOf(store, 't0', 't1'), ['completed', 'failed'], 'the states')
  }),
  storeCase('update/another state or run refuses the change, and nothing is done', async (store) => {
    await insert(store, newTask('a'))
    const before = await claimOne(store)
    const patch = { state: 'completed', result: '1', resolvedAt: t0 + 2 } as const
    const { applied, ready, resolved } = await store.update([
      { id: 'a', from: 'pending', run: 0, patch },
      { id: 'a', from: 'running', run: 1, patch },
      { id: 'a', from: 'running', run: -1, patch },
      { id: 'nobody', from: 'running', run: 0, patch },
    ])
    expectEqual([applied, ready, resolved], [[false, false, false, false], [], []], 'the reply')
    expectEqual(await taskOf(store, 'a'), before, 'the stored task')
  }),
  storeCase('update/a change that is refused does nothing to the tasks behind', async (store) => {
    await insert(store, newTask('a'), after('b', ['a']))
    await store.update([{ id: 'a', from: 'running', run: 0, patch: { state: 'failed', resolvedAt: t0 + 2 } }])
    expectEqual(await statesOf(store, 'a', 'b'), ['pending', 'blocked'], 'the states')
  }),
  storeCase('update/a call without changes does nothing', async (store) => {
    const { applied, ready, resolved } = await store.update([])
    expectEqual([applied, ready, resolved], [[], [], []], 'the reply')
  }),
  storeCase('update/names the queues in which tasks became pending', async (store) => {
    await insert(store, newTask('a', { queue: 'mail' }), newTask('b'))
    const tasks = await claim(store, { queues: ['mail', 'default'] })
    const { ready } = await store.update(tasks.map((task) => changeFor(task, task.id === 'a' ? released : completed)))
    expectEqual(ready, ['mail'], 'the queues')
  }),
  storeCase('update/keeps ended runs in order', async (store) => {
    await insert(store, newTask('a'))
    for (let run = 0; run < 3; run++) await apply(store, await claimOne(store), retriedAfter(0))
    const task = await taskOf(store, 'a')
    expectEqual(
      [task.retries, task.runs.map(({ run, outcome }) => `${run} ${outcome}`)],
      [3, ['0 retried', '1 retried', '2 retried']],
      'retries and runs',
    )
  }),
  storeCase('update/a rerun begins anew', async (store) => {
    await insert(store, newTask('a'))
    await apply(store, await claimOne(store), failed)
    await move(store, 'a', rerun)
    const { state, reason, failure, resolvedAt, retries, runs } = await taskOf(store, 'a')
    expectEqual(
      [state, reason, failure, resolvedAt, retries, runs.length],
      ['pending', undefined, undefined, undefined, 0, 1],
      'the facts',
    )
    expectEqual(await work(store), ['a'], 'what can be claimed')
  }),
]

/** Dependents: freed, failed or left waiting in the same step. */
export const updateBehindCases: readonly StoreCase[] = [
  storeCase('update/the last completed dependency frees the task behind', async (store) => {
    await insert(store, ...newTasks(2), { ...after('z', ['t0', 't1']), queue: 'mail' })
    const [first, second] = await claim(store)
    if (first === undefined || second === undefined) return
    const once = await store.update([changeFor(first, completed)])
    const waiting = await taskOf(store, 'z')
    expectEqual([once.ready, waiting.state, waiting.blockers], [[], 'blocked', 1], 'after the first')
    const twice = await store.update([changeFor(second, completed)])
    const free = await taskOf(store, 'z')
    expectEqual([twice.ready, twice.resolved, free.state, free.blockers], [['mail'], [], 'pending', 0], 'after the second')
  }),
  storeCase('update/several dependencies of one call count one by one', async (store) => {
    await insert(store, ...newTasks(3), after('z', ['t0', 't1', 't2']))
    const tasks = await claim(store)
    await store.update(tasks.map((task) => changeFor(task, completed)))
    expectEqual(await statesOf(store, 'z'), ['pending'], 'the state')
  }),
  storeCase('update/a freed task with a later due time is scheduled', async (store) => {
    const times = [t0 + 90, t0 + 80, t0 + 85]
    await insert(store, newTask('a'), ...times.map((dueAt) => ({ ...after(`${dueAt}`, ['a']), dueAt })))
    const { ready, dueAt } = await store.update([changeFor(await claimOne(store), completed, t0 + 9)])
    expectEqual([ready, dueAt], [[], t0 + 80], 'the ripple')
    expectEqual(await statesOf(store, ...times.map(String)), ['scheduled', 'scheduled', 'scheduled'], 'the states')
    expectEqual((await store.claim(claimRequest())).nextDueAt, t0 + 80, 'the next due time')
  }),
  storeCase('update/a freed task whose time has come is pending', async (store) => {
    await insert(store, newTask('a'), { ...after('b', ['a']), dueAt: t0 + 9 })
    const { ready } = await store.update([changeFor(await claimOne(store), completed, t0 + 9)])
    const task = await taskOf(store, 'b')
    expectEqual([ready, task.state, task.dueAt], [['default'], 'pending', undefined], 'ripple and task')
  }),
  storeCase('update/a failed dependency resolves the task behind', async (store) => {
    await insert(store, newTask('a'), { ...after('b', ['a']), name: 'mail.send' })
    const { ready, resolved } = await store.update([changeFor(await claimOne(store), failed, t0 + 9)])
    expectEqual(
      [ready, resolved],
      [[], [{ id: 'b', name: 'mail.send', state: 'exception', reason: 'dependency-failed' }]],
      'the ripple',
    )
    const task = await taskOf(store, 'b')
    expectEqual(
      [task.state, task.reason, task.resolvedAt, task.blockers],
      ['exception', 'dependency-failed', t0 + 9, 0],
      'the task',
    )
  }),
  storeCase('update/a cancelled dependency is as bad as a failed one', async (store) => {
    await insert(store, newTask('a'), newTask('other'), after('b', ['a', 'other']))
    const { resolved } = await store.update([changeFor(await taskOf(store, 'a'), cancelled)])
    expectEqual(
      resolved.map(({ id }) => id),
      ['b'],
      'the tasks resolved on the way',
    )
    await work(store)
    expectEqual(await statesOf(store, 'other', 'b'), ['completed', 'exception'], 'the states in the end')
  }),
  storeCase('update/a task that requires only resolved dependencies is freed by failed ones', async (store) => {
    await insert(store, ...newTasks(3), after('z', ['t0', 't1', 't2'], { requires: 'all-resolved' }))
    await work(store, ({ id }) => (id === 't0' ? failed : id === 't1' ? cancelled : completed))
    expectEqual(await statesOf(store, 't0', 't1', 't2', 'z'), ['failed', 'exception', 'completed', 'completed'], 'the states')
  }),
  storeCase('update/a task that waits is freed when the failed dependency is rerun', async (store) => {
    await insert(store, newTask('a'), after('b', ['a'], { onDependencyFailure: 'wait' }))
    const { resolved } = await store.update([changeFor(await claimOne(store), failed)])
    expectEqual([resolved, ...(await statesOf(store, 'a', 'b'))], [[], 'failed', 'blocked'], 'after the failure')
    await move(store, 'a', rerun)
    expectEqual(await work(store), ['a', 'b'], 'the order of work')
  }),
  storeCase('update/a dependency that completes twice counts once', async (store) => {
    await insert(store, newTask('a'), newTask('other', { queue: 'other' }), after('b', ['a', 'other']))
    await work(store)
    await move(store, 'a', rerun)
    await work(store)
    const task = await taskOf(store, 'b')
    expectEqual([task.state, task.blockers], ['blocked', 1], 'the task behind')
  }),
  storeCase('update/a rerun dependency counts again for tasks that still wait', async (store) => {
    await insert(store, newTask('a'), newTask('other', { queue: 'other' }), after('b', ['a', 'other']), after('c', ['a']))
    await work(store)
    await move(store, 'a', rerun)
    expectEqual(
      [(await taskOf(store, 'b')).blockers, ...(await statesOf(store, 'b', 'c'))],
      [2, 'blocked', 'completed'],
      'b and c',
    )
    await store.update([changeFor(await claimOne(store, { queues: ['other'] }), completed)])
    expectEqual([(await taskOf(store, 'b')).blockers, ...(await statesOf(store, 'b'))], [1, 'blocked'], 'b while a runs again')
    expectEqual(await work(store), ['a', 'b'], 'the order of work')
  }),
  storeCase('update/a rerun dependency that fails is a failed one for tasks that still wait', async (store) => {
    await insert(
      store,
      ...[newTask('a'), newTask('other', { queue: 'other' })],
      ...[after('b', ['a', 'other']), { ...after('c', ['a']), dueAt: t0 + 50 }],
    )
    await work(store)
    await move(store, 'a', rerun)
    const { resolved } = await store.update([changeFor(await claimOne(store), failed)])
    expectEqual(
      resolved.map(({ id }) => id),
      ['b'],
      'the tasks resolved on the way: not the one that was free already',
    )
    await store.update([changeFor(await claimOne(store, { queues: ['other'] }), completed)])
    expectEqual(await statesOf(store, 'b', 'c'), ['exception', 'scheduled'], 'the states in the end')
  }),
  storeCase('update/a dependency may be rerun again and again', async (store) => {
    await insert(
      store,
      newTask('a'),
      newTask('other', { queue: 'other' }),
      after('b', ['a', 'other'], { requires: 'all-resolved' }),
    )
    await work(store, () => failed)
    await move(store, 'a', rerun)
    await move(store, 'a', cancelled)
    expectEqual((await taskOf(store, 'b')).blockers, 1, 'what holds the task back after two ends')
    await move(store, 'a', rerun)
    await move(store, 'b', cancelled)
    expectEqual(await work(store), ['a'], 'the order of work')
    expectEqual((await taskOf(store, 'b')).blockers, 0, 'what holds back a task that is over')
  }),
  storeCase('update/a cancelled blocked task is done with its dependencies', async (store) => {
    await insert(store, newTask('a'), after('b', ['a']))
    await move(store, 'b', cancelled, t0 + 5)
    const before = await taskOf(store, 'b')
    expectEqual([before.state, before.blockers], ['exception', 0], 'the cancelled task')
    expectEqual(await work(store), ['a'], 'what can be claimed')
    expectEqual(await taskOf(store, 'b'), before, 'the cancelled task after its dependency completed')
  }),
  storeCase('update/a blocked task that is forced to run does not wait any more', async (store) => {
    await insert(store, newTask('a', { queue: 'other' }), after('b', ['a']))
    await move(store, 'b', rerun)
    const task = await claimOne(store)
    expectEqual([task.id, task.blockers], ['b', 0], 'the claimed task')
    await move(store, 'a', cancelled)
    expectEqual(await statesOf(store, 'a', 'b'), ['exception', 'running'], 'the states')
  }),
  storeCase('update/a task that failed with its dependency can be rerun by itself', async (store) => {
    await insert(store, newTask('a'), after('b', ['a']))
    await work(store, () => failed)
    await move(store, 'b', rerun)
    expectEqual([await work(store), ...(await statesOf(store, 'a', 'b'))], [['b'], 'failed', 'completed'], 'work and states')
  }),
  storeCase('update/a task of another priority takes its place in line by its age', async (store) => {
    await insert(
      store,
      ...newTasks(2),
      newTask('urgent', { priority: 6 }),
      after('behind', ['t0']),
      newTask('last', { priority: 6 }),
    )
    await claimOne(store, { ids: ['t1'] })
    const to = (id: string, from: Task['state'], priority: number, run = -1) => ({
      id,
      from,
      run,
      patch: { state: from, priority },
    })
    const { applied } = await store.update([
      to('t0', 'pending', 6),
      to('t1', 'running', 7, 0),
      to('behind', 'blocked', 7),
      to('last', 'running', 7),
      to('urgent', 'pending', 1),
    ])
    expectEqual(applied, [true, true, true, false, true], 'what was applied')
    const priorities = (await store.get(['t0', 't1', 'behind', 'last', 'urgent'])).map((task) => task?.priority)
    expectEqual(priorities, [6, 7, 7, 6, 1], 'the priorities')
    expectEqual((await taskOf(store, 't1')).holder, 'h1', 'who has the one that runs')
    expectEqual(idsOf(await claim(store, { limit: 2 })), ['t0', 'last'], 'the order of claimed tasks')
    await move(store, 't0', completed)
    expectEqual(idsOf(await claim(store)), ['behind', 'urgent'], 'the order of the rest')
  }),
  storeCase('update/many tasks behind one are all told', async (store) => {
    await insert(
      store,
      newTask('a'),
      ...newTasks(50).map((task) => ({ ...task, queue: `q${task.id}`, extras: { dependencies: ['a'] } })),
    )
    const { ready } = await store.update([changeFor(await claimOne(store), completed)])
    expectSameSet(
      ready,
      newTasks(50).map(({ id }) => `q${id}`),
      'the queues in which tasks became pending',
    )
  }),
]
