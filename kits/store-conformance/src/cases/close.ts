/** What closing owes: nothing under way is lost, and nothing is done afterwards. */
import type { Store } from '@lovage/core'
import { expectEqual, expectRefusal } from '../expect.ts'
import { claimRequest, insert, newTask, newTasks, statesOf, t0 } from '../moves.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const calls: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  insert: (store) => store.insert([newTask('a')]),
  claim: (store) => store.claim(claimRequest()),
  update: (store) => store.update([{ id: 'a', from: 'pending', run: -1, patch: { state: 'exception' } }]),
  renew: (store) => store.renew({ holder: 'h1', until: t0 }),
  sweep: (store) => store.sweep(t0, 10),
  get: (store) => store.get(['a']),
  find: (store) => store.find({}),
  counts: (store) => store.counts(),
  note: (store) => store.note([{ id: 'a', run: 0, progress: '1' }]),
  logs: (store) => store.logs('a'),
  prune: (store) => store.prune({ state: 'completed', before: t0, limit: 10 }),
  'records.read': (store) => store.records.read('k', 'a'),
  'records.list': (store) => store.records.list('k'),
  'records.write': (store) => store.records.write([{ kind: 'k', key: 'a', value: '1' }]),
}

export const closeCases: readonly StoreCase[] = [
  storeCase('close/may be called twice, and at once', async (store) => {
    await Promise.all([store.close(), store.close()])
    await store.close()
  }),
  storeCase('close/every later call is refused', async (store) => {
    await store.close()
    for (const [verb, call] of Object.entries(calls)) await expectRefusal(call(store), 'STORE_CLOSED', `${verb} after close`)
  }),
  storeCase('close/waits for calls under way', async (store) => {
    const inserting = store.insert(newTasks(500))
    const writing = store.records.write([{ kind: 'k', key: 'a', value: '1' }])
    await store.close()
    expectEqual([(await inserting).results.length, await writing], [500, true], 'the answers of calls made before')
  }),
  storeCase(
    'close/one of two handles leaves the other alone',
    async (store, { open }) => {
      const other = await open()
      await insert(other, newTask('a'))
      await other.close()
      await insert(store, newTask('b'))
      expectEqual(await statesOf(store, 'a', 'b'), ['pending', 'pending'], 'the states')
    },
    ['shared'],
  ),
  {
    name: 'close/what was written is there when the store is opened again',
    needs: ['durable'],
    async run({ open }) {
      const first = await open()
      const inserting = first.insert(newTasks(300))
      await first.close()
      await inserting
      const second = await open()
      expectEqual(await second.counts(), [{ queue: 'default', state: 'pending', count: 300, oldestAt: t0 }], 'the counts')
      await second.close()
    },
  },
]
