/** Renewals at the desk: those that fall together are one call of the store, whosever runs they are. */
import type { DeskRenewal, HeldRun, RunRef } from '@lovage/core'
import { leaseEnd } from './desk-claim.ts'
import type { Engine } from './engine.ts'
import { runKey } from './lease-keeper.ts'

interface Renewed {
  readonly until: number
  readonly held: readonly RunRef[]
}

interface Waiting extends DeskRenewal {
  answer(renewed: Renewed): void
  fail(error: unknown): void
}

/** What goes to the store in one call: leases of one length, and no run for two holders. */
interface Batch {
  readonly waiting: Waiting[]
  readonly holderOf: Map<string, string>
}

/** So many runs are renewed in one call. */
const mostRuns = 5000

export class DeskRenewals {
  readonly #engine: Engine
  #waiting: Waiting[] = []

  constructor(engine: Engine) {
    this.#engine = engine
  }

  renew(renewal: DeskRenewal): Promise<Renewed> {
    return new Promise((answer, fail) => {
      this.#waiting.push({ ...renewal, answer, fail })
      if (this.#waiting.length === 1) setImmediate(() => this.#flush())
    })
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const open = new Map<number, Batch>()
    for (const one of waiting) {
      const batch = open.get(one.leaseMs)
      if (batch !== undefined && fits(batch, one)) add(batch, one)
      else {
        if (batch !== undefined) void this.#write(batch)
        open.set(one.leaseMs, add({ waiting: [], holderOf: new Map() }, one))
      }
    }
    for (const batch of open.values()) void this.#write(batch)
  }

  async #write({ waiting }: Batch): Promise<void> {
    const { store, clock, announcer } = this.#engine
    const [first] = waiting
    if (first === undefined) return
    try {
      const until = leaseEnd(clock.now(), first.leaseMs)
      const runs = waiting.flatMap(({ holder, runs }) => runs.map(({ id, run }): HeldRun => ({ id, run, holder })))
      const held = new Set((await store.renew({ holder: first.holder, until, runs })).map(runKey))
      if (held.size > 0) announcer.due(until)
      for (const { runs, answer } of waiting) answer({ until, held: runs.filter((run) => held.has(runKey(run))) })
    } catch (error) {
      for (const { fail } of waiting) fail(error)
    }
  }
}

/** Of a run that two say is theirs, the answer would not tell whose it is. */
function fits({ holderOf }: Batch, { holder, runs }: DeskRenewal): boolean {
  if (holderOf.size + runs.length > mostRuns) return false
  return runs.every((run) => (holderOf.get(runKey(run)) ?? holder) === holder)
}

function add(batch: Batch, one: Waiting): Batch {
  batch.waiting.push(one)
  for (const run of one.runs) batch.holderOf.set(runKey(run), one.holder)
  return batch
}
