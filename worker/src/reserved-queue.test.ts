import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReservedQueue } from './reserved-queue.ts'

describe('the reserved queue', () => {
  it('does what a plain array does', () => {
    const operation = fc.oneof(fc.constant('shift' as const), fc.nat(9), fc.record({ remove: fc.nat(9) }))
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new ReservedQueue<number>()
        let model: number[] = []
        for (const op of operations) {
          if (op === 'shift') expect(queue.shift()).toBe(model.shift())
          else if (typeof op === 'number') {
            queue.push(op)
            model.push(op)
          } else {
            expect(queue.remove((item) => item === op.remove)).toEqual(model.filter((item) => item === op.remove))
            model = model.filter((item) => item !== op.remove)
          }
          expect([queue.size, queue.list()]).toEqual([model.length, model])
        }
      }),
    )
  })

  it('gives back its room', () => {
    const queue = new ReservedQueue<number>()
    for (let item = 0; item < 10_000; item++) queue.push(item)
    for (let item = 0; item < 9_999; item++) expect(queue.shift()).toBe(item)
    expect(queue.list()).toEqual([9_999])
  })
})
