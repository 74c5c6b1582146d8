/** The session of a worker under any order of events: never more than its capacity, nothing forgotten, nothing twice. */
import type { Task } from '@lovage/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Session } from './session.ts'

const rules = { capacity: 3, ackMs: 5000, silenceMs: 30_000, quietRunMs: 900_000, cancelMs: 10_000 }

const task = (id: string, run: number): Task => ({
  ...{ id, run, name: 'job', queue: 'w', priority: 4, state: 'running', input: 'null', retries: 0, lost: 0, lostLimit: 5 },
  ...{ blockers: 0, createdAt: 0, runs: [] },
})

type Step = readonly [
  (
    | 'take'
    | 'accept'
    | 'decline'
    | 'report'
    | 'settle'
    | 'abandon'
    | 'beat'
    | 'detach'
    | 'attach'
    | 'forget'
    | 'pause'
    | 'resume'
    | 'wait'
  ),
  number,
]

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom(
      ...(['take', 'accept', 'decline', 'report', 'settle', 'abandon', 'beat'] as const),
      ...(['detach', 'attach', 'forget', 'pause', 'resume', 'wait'] as const),
    ),
    fc.nat({ max: 5 }),
  ),
  { maxLength: 80 },
)

/** What a test knows of the runs, beside the session: those in the store under the worker's name. */
class Model {
  readonly session = new Session(rules)
  readonly owned = new Map<string, number>()
  readonly settling = new Set<string>()
  now = 1000
  #runs = 0

  step([what, n]: Step): void {
    const { session, now } = this
    const id = `t${n}`
    const run = this.owned.get(id) ?? -1
    const lease = `run-${run}`
    if (what === 'take') this.#take()
    else if (what === 'accept') session.accepted({ id, run }, now)
    else if (what === 'decline') this.#settles(session.declined({ id, run }))
    else if (what === 'report') this.#report(id, lease)
    else if (what === 'settle') this.#settle(id, run)
    else if (what === 'abandon') this.#abandon(id, run)
    else if (what === 'beat') expect(session.heartbeat(id, lease, now)).toBe(this.owned.has(id))
    else if (what === 'detach') session.detach()
    else if (what === 'attach') session.attach()
    else if (what === 'forget') for (const forgotten of session.forgotten(new Set([id]))) this.#settles(forgotten)
    else if (what === 'pause') session.pauseUntil(now + 1000 * n)
    else if (what === 'resume') session.pauseUntil(0)
    else this.#wait(n * 4000)
  }

  /** Takes as many as there is room for, and then there is no more. */
  #take(): void {
    const { session, now } = this
    for (let room = session.room(now); room > 0; room--) {
      const id = `t${this.#runs % 6}`
      if (this.owned.has(id)) return
      session.take(task(id, this.#runs), now)
      this.owned.set(id, this.#runs++)
      expect(session.room(now)).toBe(room - 1)
    }
  }

  #report(id: string, lease: string): void {
    const meeting = this.session.report(id, lease)
    const isOpen = this.owned.has(id) && !this.settling.has(id)
    expect('task' in meeting, `a result of ${id} is taken once, and only while the run is the worker's`).toBe(isOpen)
    if ('task' in meeting) this.#settles(meeting.task)
  }

  #settle(id: string, run: number): void {
    if (!this.settling.delete(id)) return
    this.owned.delete(id)
    this.session.settled({ id, run })
    expect(this.session.report(id, `run-${run}`)).toEqual({ code: 'duplicate' })
  }

  #abandon(id: string, run: number): void {
    const told = this.session.abandoned({ id, run }, this.now)
    expect(told).toBe(this.owned.has(id) && !this.settling.has(id))
    if (told) this.owned.delete(id)
  }

  /** Nothing that is due is later than the session says. */
  #wait(ms: number): void {
    const next = this.session.nextAt
    this.now += ms
    const overdue = this.session.overdue(this.now)
    if (overdue.length > 0) expect(next).toBeLessThanOrEqual(this.now)
    for (const { task: late, how } of overdue) {
      if (how === 'unanswered') this.#settles(this.session.declined(late))
      else this.#abandon(late.id, late.run)
    }
  }

  #settles(settling: Task | undefined): void {
    if (settling !== undefined) this.settling.add(settling.id)
  }
}

test('any order of events leaves the session with what is the worker’s, and never with too much', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const model = new Model()
      model.session.attach()
      for (const step of all) {
        model.step(step)
        const held = model.session.held.map(({ id, run }) => `${id} ${run}`).sort()
        expect(held, step.join()).toEqual([...model.owned].map(([id, run]) => `${id} ${run}`).sort())
        expect(model.session.running.length).toBeLessThanOrEqual(rules.capacity)
        expect(model.session.running.length).toBe(model.owned.size - model.settling.size)
      }
    }),
    { numRuns: 500 },
  )
})
