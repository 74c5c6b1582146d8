import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type SlotOptions, type SlotOrder, Slots } from './slots.ts'

const starting = (slot: number): SlotOrder => ({ type: 'spawn', slot })
const assigned = (slot: number, job: number): SlotOrder => ({ type: 'assign', slot, job })

describe('slots', () => {
  it('starts a child for a job, and gives it the job when it is ready', () => {
    const slots = new Slots({ size: 2 })
    expect(slots.submit(1)).toEqual([starting(0)])
    expect(slots.ready(0)).toEqual([assigned(0, 1)])
    expect(slots.done(0)).toEqual([])
    expect(slots.submit(2)).toEqual([assigned(0, 2)])
  })

  it('starts no more children than the size, and makes the rest wait in order', () => {
    const slots = new Slots({ size: 1 })
    slots.submit(1)
    expect(slots.submit(2)).toEqual([])
    slots.submit(3)
    expect(slots.ready(0)).toEqual([assigned(0, 1)])
    expect(slots.done(0)).toEqual([assigned(0, 2)])
    expect(slots.withdraw(3)).toBe(true)
    expect(slots.withdraw(2)).toBe(false)
    expect(slots.done(0)).toEqual([])
  })

  it('replaces a child that dies with a job, and loses only that job', () => {
    const slots = new Slots({ size: 1 })
    slots.submit(1)
    slots.submit(2)
    slots.ready(0)
    expect(slots.gone(0)).toEqual([{ type: 'lose', job: 1 }, starting(1)])
    expect(slots.ready(1)).toEqual([assigned(1, 2)])
  })

  it('replaces a child after its share of jobs', () => {
    const slots = new Slots({ size: 1, maxTasksPerChild: 2 })
    slots.submit(1)
    slots.ready(0)
    slots.done(0)
    slots.submit(2)
    expect(slots.done(0)).toEqual([{ type: 'stop', slot: 0 }, starting(1)])
    expect(slots.gone(0)).toEqual([])
  })

  it('refuses one job for each child that dies at its start, and waits longer each time', () => {
    const slots = new Slots({ size: 1 })
    slots.submit(1)
    slots.submit(2)
    expect(slots.gone(0)).toEqual([
      { type: 'refuse', job: 1 },
      { type: 'hold', strikes: 1 },
    ])
    expect(slots.submit(3)).toEqual([])
    expect(slots.release()).toEqual([starting(1)])
    expect(slots.gone(1)).toEqual([
      { type: 'refuse', job: 2 },
      { type: 'hold', strikes: 2 },
    ])
    expect(slots.release()).toEqual([starting(2)])
    slots.ready(2)
    slots.done(2)
    expect(slots.gone(2), 'a job that ended well forgives the strikes').toEqual([{ type: 'hold', strikes: 1 }])
  })

  it('does not start children over and over that die without a job', () => {
    const slots = new Slots({ size: 4 })
    slots.warm()
    slots.ready(0)
    expect(slots.gone(0)).toEqual([{ type: 'hold', strikes: 1 }])
    expect(slots.release()).toEqual([])
  })

  it('shrinks the idle first, the busy after their job', () => {
    const slots = new Slots({ size: 3 })
    for (const job of [1, 2, 3]) slots.submit(job)
    for (const slot of [0, 1, 2]) slots.ready(slot)
    slots.done(1)
    expect(slots.resize(1)).toEqual([{ type: 'stop', slot: 1 }])
    expect(slots.submit(4)).toEqual([])
    expect(slots.done(0)).toEqual([{ type: 'stop', slot: 0 }])
    expect(slots.done(2)).toEqual([assigned(2, 4)])
  })

  it('grows at once for jobs that wait', () => {
    const slots = new Slots({ size: 0 })
    slots.submit(1)
    slots.submit(2)
    expect(slots.resize(5)).toEqual([starting(0), starting(1)])
  })

  it('never gives a slot two jobs, ends each job once, respects the size, and comes to an end', () => {
    fc.assert(
      fc.property(optionsArbitrary, fc.array(factArbitrary, { maxLength: 200, size: 'max' }), (options, facts) => {
        const world = new World(options)
        for (const fact of facts) world.happen(fact)
        world.drain()
        expect(world.open).toEqual(new Set())
      }),
      { numRuns: 300 },
    )
  })
})

type Fact = { type: 'submit' | 'ready' | 'done' | 'gone' | 'withdraw' | 'release' | 'resize'; pick: number }

const optionsArbitrary = fc.record({
  size: fc.nat(4),
  maxTasksPerChild: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
})
const factArbitrary: fc.Arbitrary<Fact> = fc.record({
  type: fc.constantFrom('submit', 'submit', 'ready', 'ready', 'done', 'done', 'gone', 'withdraw', 'release', 'resize'),
  pick: fc.nat(7),
})

/** Children that obey the orders, and the promises that the orders must keep. */
class World {
  readonly slots: Slots
  size: number
  readonly children = new Map<number, { ready: boolean; job: number | undefined; ran: number }>()
  readonly maxTasks: number
  readonly open = new Set<number>()
  /** Jobs that were given to a child. */
  readonly begun = new Set<number>()
  held = false
  jobs = 0

  constructor(options: SlotOptions) {
    this.slots = new Slots(options)
    this.size = options.size
    this.maxTasks = options.maxTasksPerChild ?? Number.POSITIVE_INFINITY
  }

  happen({ type, pick }: Fact): void {
    if (type === 'submit') {
      this.open.add(++this.jobs)
      this.obey(this.slots.submit(this.jobs))
    } else if (type === 'release') {
      if (this.held) this.release()
    } else if (type === 'resize') {
      this.size = pick
      this.obey(this.slots.resize(pick))
    } else if (type === 'withdraw') {
      const job = [...this.open][pick]
      if (job === undefined) return
      const running = [...this.children.values()].some((child) => child.job === job)
      expect(this.slots.withdraw(job)).toBe(!running)
      if (!running) this.end(job)
    } else {
      this.strike(type, pick)
    }
  }

  strike(type: 'ready' | 'done' | 'gone', pick: number): void {
    const fitting = [...this.children].filter(
      ([, child]) => type === 'gone' || (type === 'ready' ? !child.ready : child.job !== undefined),
    )
    const [slot, child] = fitting[pick % fitting.length] ?? []
    if (slot === undefined || child === undefined) return
    if (type === 'ready') {
      child.ready = true
    } else if (type === 'done') {
      this.end(child.job as number)
      child.job = undefined
      child.ran++
    } else {
      this.children.delete(slot)
    }
    this.obey(this.slots[type](slot))
  }

  release(): void {
    this.held = false
    this.obey(this.slots.release())
  }

  end(job: number): void {
    expect(this.open.delete(job), `job ${job} ends for the first time`).toBe(true)
  }

  obey(orders: readonly SlotOrder[]): void {
    for (const order of orders) {
      const child = 'slot' in order ? this.children.get(order.slot) : undefined
      switch (order.type) {
        case 'spawn':
          expect(child).toBe(undefined)
          expect(this.held).toBe(false)
          this.children.set(order.slot, { ready: false, job: undefined, ran: 0 })
          expect(this.children.size).toBeLessThanOrEqual(this.size)
          break
        case 'assign':
          expect(child).toMatchObject({ ready: true, job: undefined })
          expect(child!.ran).toBeLessThan(this.maxTasks)
          expect(this.open.has(order.job)).toBe(true)
          child!.job = order.job
          this.begun.add(order.job)
          expect(this.children.size).toBeLessThanOrEqual(this.size)
          break
        case 'stop':
          expect(child).toMatchObject({ job: undefined })
          this.children.delete(order.slot)
          break
        case 'lose':
        case 'refuse':
          expect(this.begun.has(order.job)).toBe(order.type === 'lose')
          this.end(order.job)
          break
        case 'hold':
          expect(this.held).toBe(false)
          this.held = true
      }
    }
    const idle = [...this.children.values()].filter((child) => child.job === undefined)
    if (this.children.size > this.size) expect(idle).toEqual([])
    expect(this.slots.facts).toMatchObject({ busy: this.children.size - idle.length, size: this.size })
  }

  /** From here on all goes well. */
  drain(): void {
    if (this.size === 0) this.happen({ type: 'resize', pick: 1 })
    for (let turn = 0; this.open.size > 0 && turn < 2000; turn++) {
      if (this.held) this.release()
      this.strike('ready', turn)
      this.strike('done', turn)
    }
  }
}
