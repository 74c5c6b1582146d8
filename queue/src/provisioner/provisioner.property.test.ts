/** Two provisioners of one pool under any order of sends, crashes, failures, deaths, outages and time: bounds kept, nothing lost or forgotten. */
import { type Provisioner, type TaskResult, withoutFailures } from '@lovage/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Hall, keep, poolRecord, poolsOf } from '../fixtures/hall.ts'
import { job, settled, type World, world } from '../fixtures/world.ts'

const most = 4

/** One of two machines, each with a provisioner that may be gone. */
class Machine {
  readonly hall: Hall
  readonly #world: World
  #provisioner: Provisioner | undefined
  #die: (() => Promise<void>) | undefined

  constructor(world: World, group: string) {
    this.#world = world
    this.hall = new Hall(world, { group })
  }

  async begin(): Promise<void> {
    if (this.#provisioner !== undefined) return
    const { broker, provisioner, holder } = await this.#keep()
    this.#provisioner = provisioner
    this.#die = async () => {
      await broker.close()
      this.#world.backend.liveness.drop(holder())
    }
  }

  /** kill -9: its workers see it, and stop when they have finished. */
  async die(): Promise<void> {
    await this.#die?.()
    this.#provisioner = undefined
    this.#die = undefined
    for (const id of this.hall.ids) await this.hall.stop(id, 'warm')
    await settled()
  }

  async drained(): Promise<void> {
    for (const id of this.hall.ids) if (this.hall.worker(id).told.length > 0) await this.hall.drained(id)
  }

  async #keep() {
    const holds: string[] = []
    const { liveness } = this.#world.backend
    const hold = liveness.hold.bind(liveness)
    liveness.hold = async (worker, ...rest) => {
      const held = await hold(worker, ...rest)
      if (worker === `provisioner@${this.hall.group}`) holds.push(held.id)
      return held
    }
    const kept = await keep(this.#world, this.hall).finally(() => {
      liveness.hold = hold
    })
    return { ...kept, holder: () => holds.at(-1) as string }
  }
}

type Step =
  | { readonly do: 'send'; readonly count: number }
  | { readonly do: 'finish' | 'crash' | 'drained'; readonly which: number }
  | { readonly do: 'die' | 'begin'; readonly machine: number }
  | { readonly do: 'wait' | 'away'; readonly ms: number }
  | { readonly do: 'fail' | 'mend' }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('send' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ do: fc.constantFrom('finish' as const, 'crash' as const, 'drained' as const), which: fc.nat(9) }),
    fc.record({ do: fc.constantFrom('die' as const, 'begin' as const), machine: fc.nat(1) }),
    fc.record({ do: fc.constantFrom('wait' as const, 'away' as const), ms: fc.constantFrom(10, 200, 5000, 70_000) }),
    fc.record({ do: fc.constantFrom('fail' as const, 'mend' as const) }),
  ),
  { maxLength: 25 },
)

class Play {
  readonly world: World
  readonly machines: readonly [Machine, Machine]
  readonly sent: string[] = []

  constructor(world: World) {
    this.world = world
    this.machines = [new Machine(world, 'here'), new Machine(world, 'there')]
  }

  get alive(): readonly (readonly [Hall, string])[] {
    return this.machines.flatMap(({ hall }) => hall.ids.map((id) => [hall, id] as const))
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'send':
        return this.#send(step.count)
      case 'wait':
        return this.world.clock.advance(step.ms)
      case 'away':
        return this.#away(step.ms)
      case 'begin':
        return this.machines[step.machine as 0 | 1].begin()
      case 'die':
        return this.machines[step.machine as 0 | 1].die()
      case 'fail':
      case 'mend':
        for (const { hall } of this.machines) hall.behaviour = step.do === 'fail' ? { failing: 'exit code 1' } : {}
        return
      default:
        return this.#toWorker(step.do, step.which)
    }
  }

  /** Nobody can count tasks, so that every look fails. */
  async #away(ms: number): Promise<void> {
    const { store } = this.world.backend
    const { counts } = store
    store.counts = () => Promise.reject(new TypeError('away'))
    await this.world.clock.advance(ms)
    store.counts = counts
  }

  async #send(count: number): Promise<void> {
    const ids = Array.from({ length: count }, (_, n) => `t${this.sent.length + n}`)
    this.sent.push(...ids)
    await this.world.broker.tasks.send(ids.map((id) => job(id, { lostLimit: 1000 })))
    await settled()
  }

  async #toWorker(what: 'finish' | 'crash' | 'drained', which: number): Promise<void> {
    const all = this.alive
    const [hall, id] = all[which % Math.max(1, all.length)] ?? []
    if (hall === undefined || id === undefined) return
    const worker = hall.worker(id)
    if (what === 'finish') await worker.finish()
    else if (what === 'crash' && worker.takesTasks) await hall.crash(id)
    else if (what === 'drained' && worker.told.length > 0) await hall.drained(id)
  }

  /** Everything is mended, and everybody does what there is to do. */
  async calmDown(): Promise<readonly TaskResult[]> {
    await this.step({ do: 'mend' })
    await this.machines[0].begin()
    await poolsOf(this.world.broker).changeStanding('images', withoutFailures)
    for (let round = 0; round < 200; round++) {
      await this.world.clock.advance(10_000)
      for (const [hall, id] of this.alive) await hall.worker(id).finish()
      for (const machine of this.machines) await machine.drained()
      const results = await this.world.broker.results.get(this.sent)
      if (results.every(({ state }) => state === 'completed') && this.alive.length === 1) break
    }
    return this.world.broker.results.get(this.sent)
  }
}

test('whatever happens', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const here = await world()
      try {
        const config = { minCapacity: 1, maxCapacity: most, lifecycle: { idleTimeout: 20 } }
        await poolsOf(here.broker).change('images', () => poolRecord(config))
        const play = new Play(here)
        await play.machines[0].begin()
        for (const step of all) {
          await play.step(step)
          expect(play.alive.length).toBeLessThanOrEqual(most)
        }
        const results = await play.calmDown()
        expect(results.filter(({ state }) => state !== 'completed')).toEqual([])
        expect(play.alive).toHaveLength(1)
        const records = await poolsOf(here.broker).workers('images')
        expect(records.filter(({ state }) => state !== 'stopped').map(({ workerId }) => workerId)).toEqual([play.alive[0]?.[1]])
      } finally {
        await here.close()
      }
    }),
    { numRuns: 200 },
  )
})
