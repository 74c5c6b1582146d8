/** Where claims begin: everything is looked at as long as that is cheap, and a twentieth of the time when it is not. */
import { expect, test } from 'vitest'
import { ClaimFloors, type Place } from './claim-floors.ts'

const place = (seq: number, more: Partial<Place> = {}): Place => ({ queue: 'q', name: 'n', priority: 4, seq, ...more })

function floors() {
  const clock = { now: 1000 }
  return { clock, floors: new ClaimFloors(() => clock.now) }
}

test('as long as looks are cheap, everything is looked at', () => {
  const { floors: all } = floors()
  all.learn([place(1), place(2)], { steps: 2000, ms: 50 })
  expect(all.lanes(['q'], ['n'])).toBeUndefined()
  expect(all.fullInMs).toBe(0)
})

test('a dear look is followed by twenty times its time in which claims go on where the last one ended', () => {
  const { clock, floors: all } = floors()
  all.learn([place(7), place(8), place(3, { priority: 6 })], { steps: 50_000, ms: 10 })
  expect(all.lanes(['q'], ['n'])).toEqual([
    ['q', 'q'],
    ['n', 'n'],
    [4, 6],
    [9, 4],
  ])
  all.learn([place(9)], undefined)
  expect(all.lanes(['q'], undefined)?.[3]).toEqual([10, 4])
  expect(all.fullInMs).toBe(200)
  clock.now += 199
  expect(all.lanes(['q'], ['n'])).toBeDefined()
  clock.now += 1
  expect(all.lanes(['q'], ['n'])).toBeUndefined()
  all.learn([], { steps: 10, ms: 1 })
  expect(all.lanes(['q'], ['n'])).toBeUndefined()
})

test('a claim keeps to the lanes of its queues and names', () => {
  const { floors: all } = floors()
  all.learn([place(1), place(2, { queue: 'other' }), place(3, { name: 'm' })], { steps: 50_000, ms: 10 })
  expect(all.lanes(['q'], ['n', 'x'])).toEqual([['q'], ['n'], [4], [2]])
  expect(all.lanes(['none'], undefined)).toEqual([[], [], [], []])
})

test('an older task that came back does not move the floor down', () => {
  const { floors: all } = floors()
  all.learn([place(100)], { steps: 50_000, ms: 10 })
  all.learn([place(5)], { steps: 50_000, ms: 10 })
  expect(all.lanes(['q'], ['n'])?.[3]).toEqual([101])
})
