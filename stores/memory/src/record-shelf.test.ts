/** The record shelf compares versions within a call as well. */
import { expect, test } from 'vitest'
import { RecordShelf } from './record-shelf.ts'

test('writes of one call see those before them', () => {
  const shelf = new RecordShelf()
  const write = (value: string | null, version?: number) => ({ kind: 'k', key: 'a', value, version })
  expect(shelf.write([write('1', 0), write('2', 1)])).toBe(true)
  expect(shelf.read('k', 'a')).toEqual({ kind: 'k', key: 'a', value: '2', version: 2 })
  expect(shelf.write([write('3', 2), write('4', 2)])).toBe(false)
  expect(shelf.write([write(null, 2), write('5', 0)])).toBe(true)
  expect(shelf.read('k', 'a')).toEqual({ kind: 'k', key: 'a', value: '5', version: 1 })
})
