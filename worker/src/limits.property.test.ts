import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settled } from './fixtures/manual-clock.ts'
import { Workshop } from './fixtures/workshop.ts'

type Step =
  | { readonly do: 'deliver'; readonly count: number; readonly name: 'free' | 'limited' | 'brisk' }
  | { readonly do: 'finish'; readonly count: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'resize'; readonly to: number }
  | { readonly do: 'pause' | 'resume' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      count: fc.integer({ min: 1, max: 6 }),
      name: fc.constantFrom('free' as const, 'limited' as const, 'brisk' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 2500 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const) }) },
)

/** Most runs a second. */
const rates = { limited: 2, brisk: 7 } as const

/** A worker whose handlers end by hand, and when its limited ones began. */
class Play {
  readonly shop: Workshop
  readonly began = { limited: [] as number[], brisk: [] as number[] }
  delivered = 0

  constructor() {
    const source = new Workshop()
    const tasks = [
      source.task('free'),
      source.task('limited', { rateLimit: `${rates.limited}/s` }),
      source.task('brisk', { rateLimit: `${rates.brisk}/s` }),
    ]
    this.shop = new Workshop({ concurrency: 4 }, tasks)
    Object.assign(this.shop, { open: source.open })
    for (const name of ['limited', 'brisk'] as const) {
      this.shop.worker.on(`worker.task.${name}`, () => this.began[name].push(this.shop.clock.now()))
    }
  }

  async play(step: Step): Promise<void> {
    const { broker, worker, clock, running } = this.shop
    switch (step.do) {
      case 'deliver':
        this.delivered += broker.hand(step.name, ...Array.from({ length: step.count }, () => ({}))).length
        break
      case 'finish':
        for (const id of running.slice(0, step.count)) await this.shop.finish(id)
        return
      case 'advance':
        return clock.advance(step.ms)
      case 'resize':
        worker.resize(step.to)
        break
      default:
        worker[step.do]()
    }
    await settled()
  }

  /** Lets everything end; in seconds, no run has to wait longer than for all of those before it. */
  async end(): Promise<void> {
    this.shop.worker.resume()
    for (let second = 0; second <= this.delivered; second++) {
      await this.shop.clock.advance(1000)
      while (this.shop.running.length > 0) for (const id of this.shop.running) await this.shop.finish(id)
    }
  }
}

describe('a rate limit', () => {
  it('lets no second begin more runs than it says, whatever the places do, and none waits for ever', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const play = new Play()
        await play.shop.start()
        for (const step of steps) await play.play(step)
        await play.end()
        for (const name of ['limited', 'brisk'] as const) {
          const began = play.began[name]
          for (const [index, from] of began.entries()) {
            const within = began.slice(index).filter((at) => at < from + 1000)
            expect(within.length, `${name} at ${within}`).toBeLessThanOrEqual(rates[name])
          }
        }
        expect(play.shop.broker.settlements).toHaveLength(play.delivered)
        expect(play.shop.worker.load).toMatchObject({ active: 0, reserved: 0 })
        expect(play.shop.worker.reserved()).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})
