/** What inserting owes to flows whose keys are held: the holder of a key stands in for the task that was not inserted. */
import type { NewTask, Store } from '@lovage/core'
import { expectEqual } from '../expect.ts'
import { after, completed, insert, move, newTask, rerun, statesOf, t0, taskOf, work } from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const keyed = (id: string, fields: Partial<NewTask> = {}): NewTask => newTask(id, { key: 'k', ...fields })

/** Inserts them whole; answers each result as a text. */
async function insertFlow(store: Store, ...tasks: readonly NewTask[]): Promise<readonly string[]> {
  const { results } = await store.insert(tasks, { allOrNone: true })
  return results.map(({ status, id }) => `${status} ${id}`)
}

export const standInCases: readonly StoreCase[] = [
  storeCase('insert/stand-in: tasks behind one that is not inserted wait for the holder of its key', async (store) => {
    await insert(store, keyed('holder'))
    const flow = [newTask('first'), keyed('a'), after('b', ['first', 'a'], { bind: 'all' }), after('c', ['b'])]
    const expected = ['inserted first', 'existing holder', 'inserted b', 'inserted c']
    expectEqual(await insertFlow(store, ...flow), expected, 'the results')
    const { extras, blockers } = await taskOf(store, 'b')
    const kept = { dependencies: ['first', 'a'], bind: 'all', standIns: { a: 'holder' } }
    expectEqual([extras, blockers], [kept, 2], 'the extras of the task behind, and how many it waits for')
    expectEqual((await taskOf(store, 'c')).extras, { dependencies: ['b'] }, 'the extras of the task behind that')
    expectEqual(await work(store), ['holder', 'first', 'b', 'c'], 'the order of work')
  }),
  storeCase('insert/stand-in: the same call again is the same tasks, while the key is held and after', async (store) => {
    await insert(store, keyed('holder'))
    const flow = [keyed('a'), after('b', ['a']), after('c', ['b'])]
    await insertFlow(store, ...flow)
    const before = await store.get(['holder', 'b', 'c'])
    expectEqual(
      await insertFlow(store, ...flow),
      ['existing holder', 'existing b', 'existing c'],
      'the results while the key is held',
    )
    await move(store, 'holder', { type: 'cancelled' })
    expectEqual(await insertFlow(store, ...flow), ['inserted a', 'existing b', 'existing c'], 'the results when it is free')
    expectEqual((await taskOf(store, 'b')).extras, before[1]?.extras, 'the extras of the task behind')
    expectEqual(await insertFlow(store, ...flow), ['existing a', 'existing b', 'existing c'], 'the results after that')
  }),
  storeCase('insert/stand-in: a task that was there before its key was held by another is the same', async (store) => {
    const flow = [keyed('a'), after('b', ['a'])]
    await insertFlow(store, ...flow)
    await work(store)
    await insert(store, keyed('later'))
    await store.prune({ state: 'completed', before: t0 + 99, limit: 1 })
    expectEqual(await statesOf(store, 'a', 'b'), ['absent', 'completed'], 'the states')
    expectEqual(await insertFlow(store, ...flow), ['existing later', 'existing b'], 'the results')
    expectEqual((await taskOf(store, 'b')).extras, { dependencies: ['a'] }, 'its extras')
  }),
  storeCase('insert/stand-in: other dependencies are other content, whoever stands in', async (store) => {
    await insert(store, keyed('holder'))
    await insertFlow(store, keyed('a'), after('b', ['a']))
    const expected = ['conflict b']
    expectEqual(await insertFlow(store, after('b', ['holder'])), expected, 'the result')
  }),
  storeCase('insert/stand-in: one that stands in twice is waited for once', async (store) => {
    await insert(store, keyed('holder'), newTask('other', { queue: 'later' }))
    const flow = [keyed('a'), keyed('b'), after('c', ['b', 'other', 'a', 'holder'], { bind: 'all' })]
    expectEqual(await insertFlow(store, ...flow), ['existing holder', 'existing holder', 'inserted c'], 'the results')
    const { extras, blockers } = await taskOf(store, 'c')
    const kept = { dependencies: ['b', 'other', 'a', 'holder'], bind: 'all', standIns: { a: 'holder', b: 'holder' } }
    expectEqual([extras, blockers], [kept, 2], 'its extras, and how many it waits for')
    await work(store)
    expectEqual((await taskOf(store, 'c')).blockers, 1, 'how many it waits for then')
  }),
  storeCase('insert/stand-in: ids that objects have by nature are ids like others', async (store) => {
    await insert(store, keyed('holder'), newTask('constructor'))
    const flow = [keyed('__proto__'), after('b', ['__proto__', 'constructor'])]
    expectEqual(await insertFlow(store, ...flow), ['existing holder', 'inserted b'], 'the results')
    expectEqual((await taskOf(store, 'b')).blockers, 2, 'how many it waits for')
    expectEqual(await work(store), ['holder', 'constructor', 'b'], 'the order of work')
  }),
  storeCase('insert/stand-in: the holder of a window is not waited for when it is over', async (store) => {
    await insert(store, keyed('holder', { keyUntil: t0 + 100 }))
    await work(store)
    expectEqual(await insertFlow(store, keyed('a'), after('b', ['a'])), ['existing holder', 'inserted b'], 'the results')
    const { state, extras } = await taskOf(store, 'b')
    expectEqual([state, extras], ['pending', { dependencies: ['a'], standIns: { a: 'holder' } }], 'the task behind')
  }),
  storeCase('insert/stand-in: it is not pruned while somebody waits, and its rerun is waited for', async (store) => {
    await insert(store, keyed('holder'), newTask('other', { queue: 'later' }))
    await insertFlow(store, keyed('a'), after('b', ['a', 'other']))
    await work(store)
    expectEqual(await store.prune({ state: 'completed', before: t0 + 99, limit: 9 }), 0, 'how many were pruned')
    await move(store, 'holder', rerun)
    expectEqual((await taskOf(store, 'b')).blockers, 2, 'how many it waits for')
    await work(store)
    await work(store, () => completed)
    await move(store, 'other', { type: 'cancelled' })
    expectEqual(await store.prune({ state: 'completed', before: t0 + 99, limit: 9 }), 1, 'how many were pruned at the end')
  }),
  storeCase('insert/stand-in: it is forgotten where its id comes to be', async (store) => {
    await insert(store, keyed('holder'))
    const flow = [keyed('a'), newTask('a'), after('b', ['a'])]
    expectEqual(await insertFlow(store, ...flow), ['existing holder', 'inserted a', 'inserted b'], 'the results')
    expectEqual((await taskOf(store, 'b')).extras, { dependencies: ['a'] }, 'the extras of the task behind')
  }),
  storeCase('insert/stand-in: it is forgotten after the call', async (store) => {
    await insert(store, keyed('holder'))
    await insertFlow(store, keyed('a'))
    expectEqual(await insertFlow(store, after('b', ['a'])), ['unknown-dependency b'], 'the results of a later call')
  }),
  storeCase('insert/stand-in: nobody stands in between tasks that merely share a call', async (store) => {
    await insert(store, keyed('holder'))
    const { results } = await store.insert([keyed('a'), after('b', ['a'])])
    const expected = [
      { status: 'existing', id: 'holder', state: 'pending' },
      { status: 'unknown-dependency', id: 'b', dependency: 'a' },
    ]
    expectEqual(results, expected, 'the results')
  }),
  storeCase('insert/stand-in: a call that is refused leaves no trace of it', async (store) => {
    await insert(store, keyed('holder'))
    const flow = [keyed('a'), after('b', ['a']), after('c', ['nobody'])]
    expectEqual(await insertFlow(store, ...flow), ['refused a', 'refused b', 'unknown-dependency c'], 'the results')
    await work(store)
    expectEqual(await store.prune({ state: 'completed', before: t0 + 99, limit: 9 }), 1, 'how many are pruned')
  }),
]
