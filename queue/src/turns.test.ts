/** Calls of one name wait for each other, whatever becomes of them; others do not. */
import { expect, test } from 'vitest'
import { Turns } from './turns.ts'

test('a call begins when the one before it under its name has ended, also by failing', async () => {
  const turns = new Turns()
  const begun: string[] = []
  const ends = new Map<string, PromiseWithResolvers<void>>()
  const call = (name: string, id: string): Promise<void> =>
    turns.take(name, () => {
      begun.push(id)
      const end = Promise.withResolvers<void>()
      ends.set(id, end)
      return end.promise
    })
  const [first, second, other] = [call('a', 'a1'), call('a', 'a2'), call('b', 'b1')]
  expect(begun).toEqual(['a1', 'b1'])
  ends.get('a1')?.reject(new RangeError('no'))
  await expect(first).rejects.toThrow('no')
  expect(begun).toEqual(['a1', 'b1', 'a2'])
  ends.get('a2')?.resolve()
  ends.get('b1')?.resolve()
  await Promise.all([second, other])
  const last = call('a', 'a3')
  expect(begun.at(-1)).toBe('a3')
  ends.get('a3')?.resolve()
  await last
})
