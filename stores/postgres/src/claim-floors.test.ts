/** Where claims begin: everything is looked at as long as that is cheap, and a twentieth of the time when it is not. */
import { expect, test } from 'vitest'
import { ClaimFloors, type Place } from './claim-floors.ts'

const place = (seq: number, more: Partial<Place> = {}): Place => ({ queue: 'q', name: 'n', priority: 4, seq, ...more })

function floors() {
  const clock = { now: 1000 }
  return { clock, floors: new ClaimFloors(() => clock.now) }
}

const all = { queues: ['q'] }
const one = { queues: ['q'], names: ['n'] }
const dear = { steps: 50_000, pages: 500, ms: 10 }

test('as long as looks are cheap, everything is looked at', () => {
  const { floors: known } = floors()
  known.learn(all, [place(1), place(2)], { steps: 2000, pages: 5000, ms: 50 })
  expect(known.lanes(all)).toBeUndefined()
  expect(known.fullInMs).toBe(0)
})

test('a dear look is followed by twenty times its time in which claims go on near where the last one ended', () => {
  const { clock, floors: known } = floors()
  known.learn(all, [place(7000), place(8000), place(3000, { priority: 6 })], dear)
  expect(known.lanes(all)).toEqual([
    ['q', 'q'],
    ['n', 'n'],
    [4, 6],
    [7001, 2001],
  ])
  known.learn(all, [place(9000)], undefined)
  expect(known.lanes(all)?.[3]).toEqual([8001, 2001])
  expect(known.fullInMs).toBe(200)
  clock.now += 199
  expect(known.lanes(all)).toBeDefined()
  clock.now += 1
  expect(known.lanes(all)).toBeUndefined()
  known.learn(all, [], { steps: 10, pages: 10, ms: 1 })
  expect(known.lanes(all)).toBeUndefined()
})

test('where few names are asked for, a look that only passes pages is dear too, and lines that begin meanwhile are seen', () => {
  const { floors: known } = floors()
  known.learn(one, [place(5000)], { steps: 0, pages: 51, ms: 0.2 })
  expect(known.lanes(one)).toEqual([Array(7).fill('q'), Array(7).fill('n'), [7, 6, 5, 4, 3, 2, 1], [0, 0, 0, 4001, 0, 0, 0]])
  const taken = Array.from({ length: 100 }, (_, index) => place(index))
  known.learn(one, taken, { steps: 0, pages: 60, ms: 0.4 })
  expect(known.lanes(one)).toBeUndefined()
  const many = { queues: ['q', 'r'], names: [...'abcdefghi'] }
  known.learn(many, [], { steps: 0, pages: 5000, ms: 50 })
  expect(known.lanes(many)).toBeUndefined()
})

test('a claim of many names keeps to the known lanes of its queues and names', () => {
  const { floors: known } = floors()
  known.learn(all, [place(1), place(2, { queue: 'other' }), place(3, { name: 'm' })], dear)
  expect(known.lanes({ queues: ['q'], names: [...'n0123456789abcdefg'] })).toEqual([['q'], ['n'], [4], [0]])
  expect(known.lanes({ queues: ['none'] })).toEqual([[], [], [], []])
})

test('an older task that came back does not move the floor down', () => {
  const { floors: known } = floors()
  known.learn(all, [place(10_000)], dear)
  known.learn(all, [place(5)], dear)
  expect(known.lanes(all)?.[3]).toEqual([9001])
})
