import { StoreError } from '@lovage/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settled } from './fixtures/manual-clock.ts'
import { Workshop } from './fixtures/workshop.ts'

type Step =
  | { readonly do: 'deliver'; readonly count: number; readonly inMs: number; readonly name: 'held' | 'limited' | 'timed' }
  | { readonly do: 'finish' | 'fail' | 'disown' | 'revoke' | 'terminate'; readonly which: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'resize'; readonly to: number }
  | { readonly do: 'pause' | 'resume' | 'break' | 'mend' }

const which = fc.nat(50)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      count: fc.integer({ min: 1, max: 4 }),
      inMs: fc.constantFrom(0, 0, 0, 500),
      name: fc.constantFrom('held' as const, 'limited' as const, 'timed' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('finish' as const, 'fail' as const, 'disown' as const, 'revoke' as const, 'terminate' as const),
      which,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 3000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const, 'break' as const, 'mend' as const) }),
  },
)

/** Plays the steps and keeps the books: what was delivered, what the broker took back. */
class Play {
  readonly shop: Workshop
  readonly delivered: string[] = []
  readonly disowned = new Set<string>()

  constructor() {
    const source = new Workshop()
    const tasks = [source.task('held'), source.task('limited', { rateLimit: '2/s' }), source.task('timed', { timeout: 1000 })]
    this.shop = new Workshop({ concurrency: 2, abortGrace: 100, coldGrace: 100 }, tasks)
    Object.assign(this.shop, { open: source.open })
  }

  async play(step: Step): Promise<void> {
    const { broker, worker, clock } = this.shop
    switch (step.do) {
      case 'deliver': {
        const at = step.inMs === 0 ? undefined : clock.now() + step.inMs
        this.delivered.push(...broker.hand(step.name, ...Array.from({ length: step.count }, () => ({ at }))))
        break
      }
      case 'finish':
        return this.shop.finish(this.pick(this.shop.running, step.which))
      case 'fail':
        return this.shop.fail(this.pick(this.shop.running, step.which), new TypeError('no'))
      case 'disown': {
        const id = this.pick(
          this.delivered.filter((id) => broker.outcomes(id).length === 0),
          step.which,
        )
        this.disowned.add(id)
        broker.revoke(id, 'lost')
        break
      }
      case 'revoke':
      case 'terminate':
        worker.revoke([this.pick(this.delivered, step.which)], { terminate: step.do === 'terminate' })
        break
      case 'advance':
        return clock.advance(step.ms)
      case 'resize':
        worker.resize(step.to)
        break
      case 'break':
        broker.refuse = () => new StoreError('STORE_BUSY', 'locked')
        break
      case 'mend':
        broker.refuse = () => undefined
        break
      default:
        worker[step.do]()
    }
    await settled()
  }

  pick(ids: readonly string[], index: number): string {
    return ids[index % Math.max(1, ids.length)] ?? 'none'
  }
}

describe('whatever happens', () => {
  it('every delivery is settled once, unless the broker took it back, and no more run than there are places', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, cold) => {
        const play = new Play()
        const { shop } = play
        const { worker, broker, clock } = await shop.start()
        let over = 0
        worker.on('task-started', () => {
          if (worker.load.active > worker.concurrency) over++
        })
        for (const step of steps) await play.play(step)
        await play.play({ do: 'mend' })
        const stopped = worker.stop({ cold })
        for (let turn = 0; turn < 20; turn++) {
          for (const id of shop.running) await shop.finish(id)
          await clock.advance(1000)
        }
        await stopped
        expect(over).toBe(0)
        expect(worker.load).toMatchObject({ active: 0, reserved: 0, scheduled: 0, lingering: 0 })
        expect(shop.errors.filter((error) => (error as StoreError).code !== 'STORE_BUSY')).toEqual([])
        for (const id of play.delivered) {
          const count = broker.outcomes(id).length
          if (!play.disowned.has(id)) expect([id, count]).toEqual([id, 1])
          else expect(count).toBeLessThanOrEqual(1)
        }
      }),
      { numRuns: 300 },
    )
  })
})
