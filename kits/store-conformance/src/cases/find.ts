/** What reading owes: tasks by id, pages that neither skip nor repeat, and counts that agree with them. */
import type { Store, TaskQuery } from '@lovage/core'
import { expectEqual, expectTrue } from '../expect.ts'
import { after, apply, claim, claimOne, failed, idsOf, insert, newTask, newTasks, t0, work } from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

/** Reads page by page; a store that never ends its pages is stopped. */
async function pages(store: Store, query: TaskQuery): Promise<readonly (readonly string[])[]> {
  const all: (readonly string[])[] = []
  let cursor: string | undefined
  do {
    const page = await store.find(cursor === undefined ? query : { ...query, cursor })
    all.push(idsOf(page.tasks))
    cursor = page.cursor
    expectTrue(all.length <= 50, 'the pages to end')
  } while (cursor !== undefined)
  return all
}

/** A small population: `a` running by h1, `b` failed, `c` blocked, `d` scheduled with a key, `e` and `f` elsewhere. */
async function populate(store: Store): Promise<void> {
  await insert(
    store,
    newTask('a', { priority: 7 }),
    newTask('b', { priority: 6 }),
    newTask('e', { queue: 'mail' }),
    newTask('f', { queue: 'mail', name: 'send' }),
  )
  await claimOne(store)
  await apply(store, await claimOne(store, { holder: 'h2' }), failed)
  await insert(store, after('c', ['a']), newTask('d', { key: 'k', dueAt: t0 + 50 }))
}

const filters: Readonly<Record<string, readonly [TaskQuery, readonly string[]]>> = {
  nothing: [{}, ['a', 'b', 'e', 'f', 'c', 'd']],
  'one state': [{ states: ['failed'] }, ['b']],
  'several states': [{ states: ['pending', 'running', 'blocked'] }, ['a', 'e', 'f', 'c']],
  queue: [{ queue: 'mail' }, ['e', 'f']],
  name: [{ name: 'send' }, ['f']],
  holder: [{ holder: 'h1' }, ['a']],
  'a holder that is gone': [{ holder: 'h2' }, []],
  key: [{ key: 'k' }, ['d']],
  dependency: [{ dependency: 'a' }, ['c']],
  'a dependency of nobody': [{ dependency: 'b' }, []],
  ids: [{ ids: ['d', 'nobody', 'a'] }, ['a', 'd']],
  'all of it': [{ ids: ['a', 'b'], states: ['running'], queue: 'default', name: 'job', holder: 'h1' }, ['a']],
  'what fits nobody': [{ queue: 'mail', states: ['failed'] }, []],
}

const filterCases = Object.entries(filters).map(([name, [query, expected]]) =>
  storeCase(`find/by ${name}`, async (store) => {
    await populate(store)
    expectEqual(idsOf((await store.find({ ...query, order: 'oldest' })).tasks), expected, 'the tasks, oldest first')
    expectEqual(idsOf((await store.find(query)).tasks), expected.toReversed(), 'the tasks, newest first')
  }),
)

export const findCases: readonly StoreCase[] = [
  ...filterCases,
  storeCase('find/get gives one entry per id, in order', async (store) => {
    await insert(store, newTask('a'), newTask('b'))
    const tasks = await store.get(['b', 'nobody', 'a', 'b'])
    expectEqual(
      tasks.map((task) => task?.id ?? 'none'),
      ['b', 'none', 'a', 'b'],
      'the ids',
    )
    expectEqual(await store.get([]), [], 'the tasks of no ids')
  }),
  storeCase('find/get takes a thousand ids', async (store) => {
    await insert(store, ...newTasks(1000))
    const tasks = await store.get(idsOf(newTasks(1200)))
    expectEqual([tasks.length, tasks.filter((task) => task !== undefined).length], [1200, 1000], 'entries and tasks')
  }),
  storeCase('find/a page has 100 tasks unless the limit says otherwise', async (store) => {
    await insert(store, ...newTasks(250))
    expectEqual((await pages(store, {})).flat(), idsOf(newTasks(250)).toReversed(), 'all pages, newest first')
    expectEqual(
      (await pages(store, {})).filter((page) => page.length > 0).map(({ length }) => length),
      [100, 100, 50],
      'the sizes of pages',
    )
    expectEqual((await store.find({ limit: 1000 })).tasks.length, 250, 'the size of a large page')
    expectEqual((await pages(store, { limit: 120, order: 'oldest' })).flat(), idsOf(newTasks(250)), 'all pages, oldest first')
  }),
  storeCase('find/the last page says that it is the last', async (store) => {
    await insert(store, ...newTasks(3))
    const page = await store.find({ limit: 10 })
    expectEqual([page.tasks.length, page.cursor], [3, undefined], 'a page with room left')
    expectEqual((await pages(store, { limit: 3 })).flat().length, 3, 'all pages when the limit divides them')
    expectEqual(await pages(store, { queue: 'nobody' }), [[]], 'the pages of nothing')
  }),
  storeCase('find/tasks inserted meanwhile do not disturb the pages, newest first', async (store) => {
    await insert(store, ...newTasks(6))
    const first = await store.find({ limit: 3 })
    await insert(store, newTask('x'), newTask('y'))
    const rest = await pages(store, { limit: 3, cursor: first.cursor ?? '' })
    expectEqual([...idsOf(first.tasks), ...rest.flat()], idsOf(newTasks(6)).toReversed(), 'all pages')
  }),
  storeCase('find/tasks inserted meanwhile come last, oldest first', async (store) => {
    await insert(store, ...newTasks(6))
    const first = await store.find({ limit: 3, order: 'oldest' })
    await insert(store, newTask('x'))
    const rest = await pages(store, { limit: 3, order: 'oldest', cursor: first.cursor ?? '' })
    expectEqual([...idsOf(first.tasks), ...rest.flat()], [...idsOf(newTasks(6)), 'x'], 'all pages')
  }),
  storeCase('find/tasks removed meanwhile do not disturb the pages', async (store) => {
    await insert(store, ...newTasks(6))
    await work(store)
    const first = await store.find({ limit: 3 })
    expectEqual(await store.prune({ state: 'completed', before: t0 + 99, limit: 4 }), 4, 'how many were removed')
    const left = idsOf((await store.find({})).tasks)
    const rest = (await pages(store, { limit: 3, cursor: first.cursor ?? '' })).flat()
    expectEqual(
      rest,
      left.filter((id) => !idsOf(first.tasks).includes(id)),
      'the other pages',
    )
  }),
  storeCase('find/pages with a filter neither skip nor repeat', async (store) => {
    await insert(store, ...newTasks(40).map((task, index) => ({ ...task, name: index % 3 === 0 ? 'x' : 'y' })))
    await claim(store, { names: ['x'] })
    const expected = idsOf(newTasks(40).filter((_, index) => index % 3 === 0))
    expectEqual((await pages(store, { name: 'x', limit: 4, order: 'oldest' })).flat(), expected, 'the pages by name')
    expectEqual((await pages(store, { holder: 'h1', limit: 4, order: 'oldest' })).flat(), expected, 'the pages by holder')
    expectEqual(
      (await pages(store, { holder: 'h1', limit: 4 })).flat(),
      expected.toReversed(),
      'the pages by holder, newest first',
    )
    expectEqual((await pages(store, { states: ['running'], limit: 4 })).flat(), expected.toReversed(), 'the pages by state')
  }),
  storeCase('find/counts tell the tasks of each queue and state', async (store) => {
    await populate(store)
    const counts = (await store.counts()).filter(({ count }) => count > 0)
    const lines = counts.map(({ queue, state, count }) => `${queue} ${state} ${count}`).sort()
    expectEqual(
      lines,
      ['default blocked 1', 'default failed 1', 'default running 1', 'default scheduled 1', 'mail pending 2'],
      'the counts',
    )
  }),
  storeCase('find/counts of some states tell at least those', async (store) => {
    await populate(store)
    const some = (await store.counts(['pending', 'running'])).map(({ queue, state, count }) => `${queue} ${state} ${count}`)
    expectTrue(some.includes('default running 1') && some.includes('mail pending 2'), 'what was asked for to be counted')
    const over = (await store.counts(['failed'])).find(({ state }) => state === 'failed')
    expectEqual(over?.count, 1, 'the failed tasks')
  }),
  storeCase('find/counts tell how long the oldest pending task has waited', async (store) => {
    await insert(
      store,
      newTask('a', { priority: 1 }),
      newTask('b', { createdAt: t0 + 5, priority: 7 }),
      newTask('c', { createdAt: t0 + 9, name: 'x' }),
    )
    const oldest = async (): Promise<number | undefined> =>
      (await store.counts()).find(({ state }) => state === 'pending')?.oldestAt
    expectEqual(await oldest(), t0, 'the oldest of three')
    await claim(store, { names: ['job'] })
    expectEqual(await oldest(), t0 + 9, 'the oldest of one')
  }),
  storeCase('find/counts of an empty store are empty', async (store) => {
    expectEqual(
      (await store.counts()).filter(({ count }) => count > 0),
      [],
      'the counts',
    )
    expectEqual((await store.find({})).tasks, [], 'the tasks')
  }),
]
