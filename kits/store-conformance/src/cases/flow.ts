/** What whole flows owe: chains, groups, chords and DAGs that end as their dependencies say, however large. */
import {
  dependencyVerdict,
  isResolved,
  type NewTask,
  type OnDependencyFailure,
  type Requires,
  type Store,
  type TaskState,
} from '@lovage/core'
import { expectEqual, expectTrue } from '../expect.ts'
import {
  after,
  cancelled,
  changeFor,
  claim,
  claimOne,
  completed,
  failed,
  idsOf,
  insert,
  move,
  newTask,
  newTasks,
  rerun,
  statesOf,
  t0,
  taskOf,
  work,
} from '../moves.ts'
import { below, pick, seededRandom } from '../random.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

/** `t0` before `t1` before `t2` ... */
function chain(length: number, extras: NewTask['extras'] = {}): NewTask[] {
  return newTasks(length).map((task, index) => (index === 0 ? task : after(task.id, [`t${index - 1}`], extras)))
}

export const flowCases: readonly StoreCase[] = [
  storeCase('flow/a chain runs in order', async (store) => {
    await insert(store, ...chain(20))
    expectEqual(await work(store), idsOf(chain(20)), 'the order of work')
  }),
  storeCase('flow/a group runs at once', async (store) => {
    await insert(store, newTask('first'), ...newTasks(30).map(({ id }) => after(id, ['first'])))
    await store.update([changeFor(await claimOne(store), completed)])
    expectEqual(idsOf(await claim(store)), idsOf(newTasks(30)), 'the tasks of one claim')
  }),
  storeCase('flow/a chord of a thousand calls back once', async (store) => {
    const header = newTasks(1000)
    await insert(store, ...header, after('callback', idsOf(header), { bind: 'all' }))
    let ready = 0
    for (let tasks = await claim(store, { limit: 130 }); tasks.length > 0; tasks = await claim(store, { limit: 130 })) {
      expectEqual(
        (await taskOf(store, 'callback')).blockers > 0,
        !idsOf(tasks).includes('callback'),
        'whether the callback is held back',
      )
      ready += (await store.update(tasks.map((task) => changeFor(task, completed)))).ready.length
    }
    expectEqual(
      [ready, ...(await statesOf(store, 'callback'))],
      [1, 'completed'],
      'how often a task became pending, and the callback',
    )
  }),
  storeCase('flow/a diamond joins after both sides', async (store) => {
    await insert(store, newTask('top'), after('left', ['top']), after('right', ['top']), after('bottom', ['left', 'right']))
    expectEqual(await work(store), ['top', 'left', 'right', 'bottom'], 'the order of work')
  }),
  storeCase('flow/a failure runs down fifty levels in one step', async (store) => {
    await insert(store, ...chain(51), newTask('bystander'))
    const { resolved, ready } = await store.update([changeFor(await claimOne(store), failed, t0 + 9)])
    expectEqual([idsOf(resolved), ready], [idsOf(chain(51).slice(1)), []], 'the tasks resolved on the way')
    const tasks = await store.get(idsOf(resolved))
    const facts = new Set(tasks.map((task) => `${task?.state} ${task?.reason} ${task?.resolvedAt}`))
    expectEqual([...facts], [`exception dependency-failed ${t0 + 9}`], 'how they ended')
    expectEqual(await work(store), ['bystander'], 'what can still be claimed')
  }),
  storeCase('flow/a failure runs down two thousand levels without harm', async (store) => {
    await insert(store, ...chain(2001))
    const { resolved } = await store.update([changeFor(await claimOne(store), failed)])
    expectEqual(resolved.length, 2000, 'how many tasks were resolved on the way')
  }),
  storeCase('flow/a failure stops where a task does not mind it', async (store) => {
    await insert(store, ...chain(3), after('cleanup', ['t2'], { requires: 'all-resolved' }), after('last', ['cleanup']))
    expectEqual(await work(store, ({ id }) => (id === 't0' ? failed : completed)), ['t0', 'cleanup', 'last'], 'the order of work')
  }),
  storeCase('flow/a failure stops where a task waits', async (store) => {
    await insert(store, ...chain(2), after('waiter', ['t1'], { onDependencyFailure: 'wait' }), after('last', ['waiter']))
    await work(store, () => failed)
    expectEqual(await statesOf(store, 't0', 't1', 'waiter', 'last'), ['failed', 'exception', 'blocked', 'blocked'], 'the states')
    await move(store, 't0', rerun)
    await work(store)
    await move(store, 't1', rerun)
    expectEqual(await work(store), ['t1', 'waiter', 'last'], 'the order of work after the reruns')
  }),
  storeCase('flow/one failed of a thousand fails the callback once', async (store) => {
    const header = newTasks(1000)
    await insert(store, ...header, after('callback', idsOf(header)), after('last', ['callback']))
    const tasks = await claim(store)
    const { resolved } = await store.update(
      tasks.map((task) => changeFor(task, task.id === 't500' || task.id === 't900' ? failed : completed)),
    )
    expectEqual(idsOf(resolved), ['callback', 'last'], 'the tasks resolved on the way')
  }),
  storeCase('flow/a task behind both a failed one and its victim is told once', async (store) => {
    await insert(store, newTask('a'), after('b', ['a']), after('c', ['a', 'b']), after('d', ['b', 'c']))
    const { resolved } = await store.update([changeFor(await claimOne(store), cancelled)])
    expectEqual([...idsOf(resolved)].sort(), ['b', 'c', 'd'], 'the tasks resolved on the way')
  }),
  storeCase('flow/a task can be put behind one that runs', async (store) => {
    await insert(store, newTask('a'))
    const running = await claimOne(store)
    await insert(store, after('b', ['a']))
    const { ready } = await store.update([changeFor(running, completed)])
    expectEqual([ready, ...(await statesOf(store, 'b'))], [['default'], 'pending'], 'ripple and state')
  }),
  ...[1, 2, 3, 4].map((seed) =>
    storeCase(`flow/a random DAG ends as the rule says (seed ${seed})`, async (store) => {
      const dag = randomDag(seededRandom(seed), 60)
      await store.insert(dag)
      await checkDag(store, dag)
      const random = seededRandom(seed + 100)
      for (let tasks = await claim(store, { limit: 3 }); tasks.length > 0; tasks = await claim(store, { limit: 3 })) {
        await store.update(tasks.map((task) => changeFor(task, random() < 0.25 ? failed : completed)))
        await checkDag(store, dag)
      }
      expectTrue(
        (await store.find({ states: ['pending', 'running', 'scheduled'] })).tasks.length === 0,
        'nothing to be left over',
      )
    }),
  ),
]

function randomDag(random: () => number, size: number): NewTask[] {
  return newTasks(size).map(({ id }, index) => {
    const dependencies = Array.from({ length: Math.min(index, below(random, 4)) }, () => `t${below(random, index)}`)
    const requires = pick(random, ['all-completed', 'all-completed', 'all-resolved'] as const) as Requires
    const onDependencyFailure = pick(random, ['resolve', 'wait'] as const) as OnDependencyFailure
    return dependencies.length === 0 ? newTask(id) : after(id, dependencies, { requires, onDependencyFailure })
  })
}

/** Every task behind others must be in the state that the present states of its dependencies ask for. */
async function checkDag(store: Store, dag: readonly NewTask[]): Promise<void> {
  const tasks = new Map((await store.get(idsOf(dag))).map((task) => [task?.id, task]))
  for (const { id, extras } of dag) {
    const task = tasks.get(id)
    const dependencies = [...new Set(extras?.dependencies)]
    const verdicts = dependencies.map((dependency) => {
      const state: TaskState = tasks.get(dependency)?.state ?? 'blocked'
      return isResolved(state) ? dependencyVerdict(state, extras?.requires, extras?.onDependencyFailure) : 'waiting'
    })
    const blockers = verdicts.filter((verdict) => verdict !== 'satisfied').length
    if (verdicts.includes('failed')) expectEqual([task?.state, task?.reason], ['exception', 'dependency-failed'], `task ${id}`)
    else if (blockers > 0) expectEqual([task?.state, task?.blockers], ['blocked', blockers], `task ${id}`)
    else
      expectTrue(task?.state !== 'blocked' && task?.reason !== 'dependency-failed', `task ${id} to be free, not ${task?.state}`)
  }
}
