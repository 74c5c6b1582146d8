/** The books of what a Worker has, in whatever order things happen. */
import type { Task } from '@lovage/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DeputyRuns } from './deputy-runs.ts'

const task = (id: string, run: number) => ({ id, run }) as Task

type Step =
  | { readonly type: 'take' | 'abandon' | 'settle' | 'fail'; readonly id: string }
  | { readonly type: 'return'; readonly named: readonly string[] }

const ids = ['a', 'b', 'c']
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom('take', 'abandon', 'settle', 'fail'), id: fc.constantFrom(...ids) }),
  fc.record({ type: fc.constant('return' as const), named: fc.subarray(ids) }),
)

it('what a worker has is what was taken and neither settled, abandoned nor forgotten', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step), async (steps) => {
      const runs = new DeputyRuns()
      /** The worker's run of each task. */
      const model = new Map<string, number>()
      const counted = new Map<string, number>()
      let next = 0
      for (const one of steps) {
        if (one.type === 'return') {
          const named = new Set(one.named.flatMap((id) => (model.has(id) ? [`${model.get(id)} ${id}`] : [])))
          const gone = runs.forgotten(named).map(({ id }) => id)
          expect(gone.sort()).toEqual([...model.keys()].filter((id) => !one.named.includes(id)).sort())
          for (const id of gone) model.delete(id)
          continue
        }
        const { id } = one
        const run = model.get(id)
        if (one.type === 'take') {
          expect(runs.take(task(id, next))).toEqual(run === undefined ? undefined : { id, run })
          model.set(id, next++)
        } else if (one.type === 'abandon') {
          expect(runs.abandoned({ id })).toEqual(run === undefined ? undefined : { id, run })
          model.delete(id)
        } else if (run !== undefined) {
          const isWritten = one.type === 'settle'
          const written = isWritten ? Promise.resolve(true) : Promise.reject(new RangeError('no'))
          await runs.settle({ id, run }, written).catch(() => {})
          if (isWritten) {
            model.delete(id)
            counted.set(id, run)
          }
        }
        expect(runs.unsettled).toBe(model.size)
        expect([...runs.ids].sort()).toEqual([...model.keys()].sort())
        for (const [known, of] of model) expect(runs.taskOf({ id: known, run: of })).toMatchObject({ id: known, run: of })
        for (const [known, of] of counted) expect(runs.told({ id: known, run: of })).toBe(true)
      }
    }),
  )
})
