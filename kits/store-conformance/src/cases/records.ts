/** What records owe: small documents with compare-and-set, all of a call or none. */
import type { Store } from '@lovage/core'
import { expectEqual } from '../expect.ts'
import { type StoreCase, storeCase } from '../store-case.ts'

const write = (store: Store, key: string, value: string | null, version?: number): Promise<boolean> =>
  store.records.write([{ kind: 'k', key, value, version }])

export const recordCases: readonly StoreCase[] = [
  storeCase('records/what was not written is absent', async (store) => {
    expectEqual([await store.records.read('k', 'a'), await store.records.list('k')], [undefined, []], 'record and list')
  }),
  storeCase('records/a write is read back, its version grows', async (store) => {
    expectEqual(await write(store, 'a', '{"x":"é 🌿"}'), true, 'whether it was written')
    expectEqual(await store.records.read('k', 'a'), { kind: 'k', key: 'a', value: '{"x":"é 🌿"}', version: 1 }, 'the record')
    await write(store, 'a', '2')
    expectEqual(await store.records.read('k', 'a'), { kind: 'k', key: 'a', value: '2', version: 2 }, 'the record, written again')
  }),
  storeCase('records/a list has all of a kind, by key', async (store) => {
    await store.records.write(['c', 'a', 'b/2', 'b'].map((key) => ({ kind: 'k', key, value: `"${key}"` })))
    await store.records.write([{ kind: 'other', key: 'a', value: '1' }])
    const list = await store.records.list('k')
    expectEqual(
      list.map(({ key, value, version }) => [key, value, version]),
      [
        ['a', '"a"', 1],
        ['b', '"b"', 1],
        ['b/2', '"b/2"', 1],
        ['c', '"c"', 1],
      ],
      'the list',
    )
  }),
  storeCase('records/kinds do not see each other', async (store) => {
    await store.records.write([
      { kind: 'x', key: 'a', value: '1' },
      { kind: 'y', key: 'a', value: '2' },
    ])
    await store.records.write([{ kind: 'x', key: 'a', value: null }])
    expectEqual(
      [await store.records.read('x', 'a'), (await store.records.read('y', 'a'))?.value],
      [undefined, '2'],
      'the records',
    )
  }),
  storeCase('records/a version that does not match refuses the write', async (store) => {
    await write(store, 'a', '1')
    expectEqual(
      [await write(store, 'a', '2', 1), await write(store, 'a', '3', 1), await write(store, 'a', '4', 0)],
      [true, false, false],
      'what was written',
    )
    expectEqual(
      [await write(store, 'b', '1', 1), await write(store, 'b', '2', 0), await write(store, 'b', '3', 0)],
      [false, true, false],
      'what was written anew',
    )
    const values = [(await store.records.read('k', 'a'))?.value, (await store.records.read('k', 'b'))?.value]
    expectEqual(values, ['2', '2'], 'the values')
  }),
  storeCase('records/one refused write refuses the call', async (store) => {
    await write(store, 'a', '1')
    const done = await store.records.write([
      { kind: 'k', key: 'b', value: '1' },
      { kind: 'k', key: 'a', value: null, version: 1 },
      { kind: 'k', key: 'c', value: '1', version: 5 },
    ])
    expectEqual(
      [done, (await store.records.list('k')).map(({ key }) => key)],
      [false, ['a']],
      'whether it was written, and what is there',
    )
  }),
  storeCase('records/null removes', async (store) => {
    await write(store, 'a', '1')
    expectEqual([await write(store, 'a', null, 7), await write(store, 'a', null, 1)], [false, true], 'what was written')
    expectEqual([await store.records.read('k', 'a'), await store.records.list('k')], [undefined, []], 'record and list')
    expectEqual(
      [await write(store, 'a', null), await write(store, 'a', '2', 0)],
      [true, true],
      'removing what is absent, writing anew',
    )
  }),
  storeCase('records/a call without writes is done', async (store) => {
    expectEqual(await store.records.write([]), true, 'whether it was written')
  }),
]
