/** Claims made for workers elsewhere: what they take has begun, and carries all that they need to run it. */
import type { Claimant, ClaimReply, ClaimRequest, DeskClaim, Task } from '@lovage/core'
import { boundInputs } from './dependency-input.ts'
import type { Engine } from './engine.ts'
import { changesFor, giveBack } from './give-back.ts'

type Wish = Pick<DeskClaim, 'queues' | 'names' | 'ids' | 'holder' | 'worker' | 'limit' | 'leaseMs' | 'saysBegin'>

/** The end of a lease that begins now, rounded up to a second. */
export function leaseEnd(now: number, leaseMs: number): number {
  return Math.ceil((now + leaseMs) / 1000) * 1000
}

/** Claims once. @param others who claim in the same call what is otherwise the same */
export async function claimFor(
  engine: Engine,
  { leaseMs, queues, names, ids, holder, worker, limit, saysBegin = false }: Wish,
  others?: readonly Claimant[],
): Promise<ClaimReply> {
  const { store, clock, announcer } = engine
  const now = clock.now()
  const until = leaseEnd(now, leaseMs)
  const request: ClaimRequest = { queues, names, ids, others, holder, worker, limit, now, until }
  const { tasks, nextDueAt } = await store.claim(request)
  if (tasks.length === 0) return { tasks, nextDueAt }
  announcer.due(until)
  announcer.claimed(tasks)
  try {
    return { tasks: await withInputs(engine, saysBegin ? tasks : await begun(engine, tasks)), nextDueAt }
  } catch (error) {
    await giveBack(engine, tasks)
    throw error
  }
}

/** Such a worker begins when it is told of a task, and nobody hears of it again: a loss counts from now on. */
async function begun(engine: Engine, tasks: readonly Task[]): Promise<readonly Task[]> {
  const silent = tasks.filter((task) => task.startedAt === undefined)
  if (silent.length === 0) return tasks
  const now = engine.clock.now()
  await engine.store.update(changesFor(silent, { type: 'begun' }, now))
  return tasks.map((task) => ({ ...task, startedAt: task.startedAt ?? now }))
}

async function withInputs(engine: Engine, tasks: readonly Task[]): Promise<readonly Task[]> {
  const bound = tasks.filter((task) => task.extras?.bind !== undefined)
  if (bound.length === 0) return tasks
  const inputs = await boundInputs(engine.store, bound)
  const inputOf = new Map(bound.map((task, index) => [task.id, inputs[index] ?? 'null']))
  return tasks.map((task) => {
    const input = inputOf.get(task.id)
    return input === undefined ? task : { ...task, input, extras: { ...task.extras, nullInput: true } }
  })
}
