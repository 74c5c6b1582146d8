/** Receipts of questions: one under each key at a time, and none is believed that speaks of another question. */
import { expect, test } from 'vitest'
import { readReceipt, type TakeReceipt, TakeReceipts } from './take-receipts.ts'

test('no more questions than keys, and a key is free again after its answer', () => {
  const receipts = new TakeReceipts(['a', 'b'])
  const [first, second] = [receipts.begin(), receipts.begin()] as TakeReceipt[]
  expect(receipts.begin()).toBeUndefined()
  receipts.end(second as TakeReceipt)
  expect(receipts.begin()).toEqual({ key: 'b', number: 3 })
  receipts.lose(first as TakeReceipt)
  expect(receipts.lost).toEqual([{ key: 'a', number: 1 }])
  expect(receipts.begin()).toBeUndefined()
  receipts.end(first as TakeReceipt)
  expect(receipts.lost).toEqual([])
  expect(receipts.begin()).toEqual({ key: 'a', number: 4 })
})

test('a note is read if it is about the question, else it says nothing', () => {
  const receipt = { key: 'a', number: 7 }
  expect(readReceipt(receipt, '[7,"tag","celery","other","x"]')).toEqual([
    { name: 'tag', list: 'celery' },
    { name: 'other', list: 'x' },
  ])
  expect(readReceipt(receipt, '[6,"tag","celery"]')).toEqual([])
  expect(readReceipt(receipt, null)).toEqual([])
})
