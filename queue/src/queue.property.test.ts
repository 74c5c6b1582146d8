import { isResolved, type Outcome } from '@lovage/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { job, Recorder, settled, world } from './fixtures/world.ts'

/** What may happen to a queue with three workers, in any order. */
const step = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('send' as const),
      priority: fc.integer({ min: 1, max: 7 }),
      delay: fc.constantFrom(0, 0, 5_000),
      deadline: fc.constantFrom(0, 0, 0, 20_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('settle' as const),
      worker: fc.nat(2),
      pick: fc.nat(50),
      how: fc.constantFrom('retried', 'retried', 'retried', 'completed', 'failed', 'released', 'rejected', 'cancelled'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cancel' as const), pick: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('rerun' as const), pick: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('die' as const), worker: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(100, 3_000, 11_000, 31_000) }) },
)

function outcome(how: string): Outcome {
  const failure = { name: 'Error', message: how }
  if (how === 'completed') return { type: 'completed', result: how }
  if (how === 'failed') return { type: 'failed', failure }
  if (how === 'retried') return { type: 'retried', delayMs: 1_000, limit: 2, failure }
  if (how === 'rejected') return { type: 'rejected', reason: 'malformed-payload' }
  return how === 'released' ? { type: 'released' } : { type: 'cancelled' }
}

/** A crowd on one store: three workers, each with a broker of its own. */
async function crowd() {
  const w = await world({ lease: '30s' })
  const open = async (n: number) => new Recorder().open(await w.another(), { worker: `w${n}@host`, prefetch: 3 })
  const workers = [await open(0), await open(1), await open(2)]
  const ids: string[] = []
  /** Final outcomes that counted, by task and by the number of reruns before them. */
  const verdicts: string[] = []
  const reruns = new Map<string, number>()

  const settle = async (worker: number, pick: number, how: string) => {
    const open = workers[worker]?.deliveries ?? []
    const delivery = open[pick % Math.max(1, open.length)]
    if (delivery === undefined) return
    open.splice(open.indexOf(delivery), 1)
    const { id, run } = delivery.message
    const counted = await delivery.settle(outcome(how))
    const [task] = await w.backend.store.get([id])
    if (counted && task !== undefined && isResolved(task.state) && task.run === run) verdicts.push(`${id} ${reruns.get(id) ?? 0}`)
  }
  const die = async (worker: number) => {
    const dying = workers[worker]
    if (dying === undefined) return
    dying.consumer.pause()
    w.backend.liveness.drop(dying.consumer.holder)
    await settled()
    workers[worker] = await open(worker)
  }
  return { w, workers, ids, verdicts, reruns, settle, die }
}

test('whatever happens, every task ends once, budgets hold and nobody runs what is not theirs', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 100 }), async (steps) => {
      const { w, workers, ids, verdicts, reruns, settle, die } = await crowd()
      const setUp: typeof steps = Array.from({ length: 3 }, () => ({ type: 'send', priority: 4, delay: 0, deadline: 0 }))
      for (const s of [...setUp, ...steps]) {
        if (s.type === 'send') {
          const id = `t${ids.length}`
          const at = s.delay === 0 ? undefined : w.clock.now() + s.delay
          const deadline = s.deadline === 0 ? undefined : w.clock.now() + s.deadline
          await w.broker.tasks.send([job(id, { priority: s.priority, at, deadline, retryLimit: 2, lostLimit: 2 })])
          ids.push(id)
        } else if (s.type === 'settle') await settle(s.worker, s.pick, s.how)
        else if (s.type === 'die') await die(s.worker)
        else if (s.type === 'wait') await w.clock.advance(s.ms)
        else if (ids.length > 0) {
          const id = ids[s.pick % ids.length] ?? ''
          if (s.type === 'cancel') await w.broker.tasks.cancel([id])
          else if ((await w.broker.admin?.retry([id]))?.[0] === true) reruns.set(id, (reruns.get(id) ?? 0) + 1)
        }
        await settled()
      }
      // The rest is worked off by a worker that completes everything.
      for (const [n] of workers.entries()) await die(n)
      for (const worker of workers) {
        worker.outcome = () => ({ type: 'completed', result: null })
        for (const delivery of worker.deliveries) void delivery.settle({ type: 'completed', result: null })
      }
      await w.clock.advance(120_000)
      const tasks = await w.backend.store.get(ids)
      for (const task of tasks) {
        expect(task !== undefined && isResolved(task.state), `${task?.id} is ${task?.state}`).toBe(true)
        expect(task?.retries).toBeLessThanOrEqual(2)
        expect(task?.lost).toBeLessThanOrEqual(2)
        expect(task?.holder).toBeUndefined()
        const runs = task?.runs.map((run) => run.run) ?? []
        expect(runs).toEqual([...new Set(runs)].sort((a, b) => a - b))
      }
      expect(new Set(verdicts).size).toBe(verdicts.length)
      await w.close()
    }),
    { numRuns: 100 },
  )
})
