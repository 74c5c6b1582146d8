/** The names of a worker that takes every name. */
import { expect, test } from 'vitest'
import { EveryTask } from './every-task.ts'

test('each is known from the moment that it comes', () => {
  const every = new EveryTask()
  const task = every.get('a')
  expect([task?.definition.name, every.get('a')]).toEqual(['a', task])
})

test('ever new ones push out the oldest, but for those that are limited', () => {
  const every = new EveryTask()
  every.get('limited')?.limitRate('1/m')
  every.get('old')
  for (let n = 0; n < 20_000; n++) every.get(`task${n}`)
  expect(every.size).toBe(10_000)
  expect([every.has('limited'), every.has('old'), every.has('task19999')]).toEqual([true, false, true])
})
