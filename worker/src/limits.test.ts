import { defineTask, type Failure } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { settled } from './fixtures/manual-clock.ts'
import { Workshop } from './fixtures/workshop.ts'
import type { JobEnd, Pool } from './pool.ts'
import { type Deferred, deferred } from './pools/deferred.ts'

describe('time limits', () => {
  it('hard, inline: fires the signal, settles at once, and frees the place when the grace is over', async () => {
    const shop = new Workshop({ concurrency: 1, abortGrace: '2s' }, [])
    const slow = shop.task('slow', { timeout: '10s', retry: { limit: 1, delay: 500, jitter: 0 } })
    const shop2 = new Workshop({ concurrency: 1, abortGrace: '2s', tasks: [slow] })
    await shop2.start()
    const { broker, clock, worker } = shop2
    const [first, second] = broker.hand('slow', {}, { retries: 1, run: 1 }) as [string, string]
    const { signal } = shop.context(first)
    await clock.advance(9_999)
    expect(signal.aborted).toBe(false)
    await clock.advance(1)
    const failure = expect.objectContaining({ name: 'HardTimeout', code: 'TIMEOUT' })
    expect(signal.reason).toMatchObject({ code: 'TIMEOUT' })
    expect(broker.outcomes(first)).toEqual([{ type: 'retried', delayMs: 500, limit: 1, failure, reason: 'timeout' }])
    expect(worker.load).toMatchObject({ active: 1, lingering: 0, reserved: 1 })
    await clock.advance(2000)
    expect(worker.load).toMatchObject({ active: 1, lingering: 1, reserved: 0 })
    await clock.advance(10_000)
    expect(broker.outcomes(second)).toEqual([{ type: 'failed', failure, reason: 'timeout' }])
    await shop.finish(first)
    await shop.finish(second)
    expect(worker.load).toMatchObject({ active: 0, lingering: 0 })
    expect(broker.settlements).toHaveLength(2)
  })

  it('hard: the limit of the message stands above that of the definition', async () => {
    const shop = new Workshop()
    await shop.start()
    const [id] = shop.broker.hand('held', { timeoutMs: 100 }) as [string]
    await shop.clock.advance(100)
    expect(shop.broker.outcomes(id)).toMatchObject([{ type: 'retried', failure: { code: 'TIMEOUT' } }])
  })

  it('soft: fires the signal and lets the handler finish', async () => {
    const shop = new Workshop({}, [])
    const soft = shop.task('soft', { softTimeout: '1s' })
    const { broker, clock } = await new Workshop({ tasks: [soft] }).start()
    const [id] = broker.hand('soft', {}) as [string]
    const { signal } = shop.context(id)
    await clock.advance(1000)
    expect(signal.reason).toMatchObject({ name: 'SoftTimeout', code: 'TIMEOUT' })
    await shop.finish(id, 'tidy')
    expect(broker.outcomes(id)).toEqual([{ type: 'completed', result: 'tidy' }])
  })

  it('soft: the message may bring another limit than the definition', async () => {
    const shop = new Workshop({}, [])
    const { broker, clock } = await new Workshop({ tasks: [shop.task('soft', { softTimeout: '1s' })] }).start()
    const [id] = broker.hand('soft', { softTimeoutMs: 5000 }) as [string]
    const { signal } = shop.context(id)
    await clock.advance(4999)
    expect(signal.aborted).toBe(false)
    await clock.advance(1)
    expect(signal.reason).toMatchObject({ name: 'SoftTimeout' })
    await shop.finish(id)
  })

  it('leave no timer behind', async () => {
    const shop = new Workshop({}, [])
    const soft = shop.task('soft', { softTimeout: '1s', timeout: '2s' })
    const { broker, clock } = await new Workshop({ tasks: [soft] }).start()
    const [id] = broker.hand('soft', {}) as [string]
    await shop.finish(id)
    await clock.advance(5000)
    expect(broker.settlements).toHaveLength(1)
  })
})

/** A pool whose jobs end by hand and which can kill. */
class KillingPool implements Pool {
  readonly name = 'threads'
  readonly ends = new Map<string, Deferred<JobEnd>>()
  readonly killed: string[] = []
  /** How a killed run ends. */
  end: 'died' | 'unbegun' = 'died'
  async start() {}
  run: Pool['run'] = ({ message }) => {
    const end = deferred<JobEnd>()
    this.ends.set(message.id, end)
    const kill = (reason: Error) => {
      this.killed.push(message.id)
      end.resolve({ type: this.end, failure: { name: 'Killed', message: reason.message } })
      return true
    }
    return { end: end.promise, abort() {}, kill }
  }
  resize() {}
  describe = () => ({})
  async close() {}
}

describe('a pool that can kill', () => {
  const died: Failure = { name: 'ThreadDied', message: 'out of memory' }

  async function killable() {
    const pool = new KillingPool()
    const task = defineTask({ name: 'a', timeout: '1s', run() {} })
    const shop = await new Workshop({ pool, tasks: [task] }).start()
    return { pool, shop }
  }

  it('is told to kill at the hard limit, and the run counts as timed out', async () => {
    const { pool, shop } = await killable()
    const [id] = shop.broker.hand('a', { retries: 3 }) as [string]
    await shop.clock.advance(1000)
    expect(pool.killed).toEqual([id])
    expect(shop.broker.outcomes(id)).toMatchObject([{ type: 'failed', reason: 'timeout', failure: { code: 'TIMEOUT' } }])
  })

  it('is told to kill when a task is terminated', async () => {
    const { pool, shop } = await killable()
    const [id] = shop.broker.hand('a', {}) as [string]
    expect(await shop.ask('terminate', { task_id: id, signal: 'KILL' })).toEqual({ ok: `terminate: ${id}` })
    await settled()
    expect(pool.killed).toEqual([id])
    expect(shop.broker.outcomes(id)).toEqual([{ type: 'cancelled', message: 'terminated' }])
  })

  it('may lose a child by its own fault, which counts as a failure of the run', async () => {
    const { pool, shop } = await killable()
    const [id] = shop.broker.hand('a', {}) as [string]
    pool.ends.get(id)?.resolve({ type: 'died', failure: died })
    await settled()
    expect(shop.broker.outcomes(id)).toMatchObject([{ type: 'retried', failure: died, reason: 'child-died' }])
    const [last] = shop.broker.hand('a', { retries: 3 }) as [string]
    pool.ends.get(last)?.resolve({ type: 'died', failure: died })
    await settled()
    expect(shop.broker.outcomes(last)).toEqual([{ type: 'failed', failure: died, reason: 'child-died' }])
  })

  it('that has no child for a run costs the task nothing: it goes back, for longer each time', async () => {
    const { pool, shop } = await killable()
    const failure: Failure = { name: 'ThreadDied', message: 'expected thread 3 to load /tasks.ts, got: exit code 7' }
    const ids = shop.broker.hand('a', { retries: 3 }, { run: 3 }, { timeoutMs: 500 }) as [string, string, string]
    const [first, second, late] = ids
    for (const id of [first, second]) pool.ends.get(id)?.resolve({ type: 'unbegun', failure })
    await settled()
    expect(shop.broker.outcomes(first)).toEqual([{ type: 'released', delayMs: 1000, failure }])
    expect(shop.broker.outcomes(second)).toEqual([{ type: 'released', delayMs: 8000, failure }])
    pool.end = 'unbegun'
    await shop.clock.advance(500)
    expect(shop.broker.outcomes(late)).toMatchObject([{ type: 'released', delayMs: 1000, failure: { name: 'Killed' } }])
  })

  it('that has no child is an error that names the cause: at once, then every ten seconds with the count', async () => {
    const { pool, shop } = await killable()
    const exceptions: unknown[] = []
    shop.worker.on('task-released', ({ exception }) => exceptions.push(exception))
    const unbegun = async () => {
      const [id] = shop.broker.hand('a', {}) as [string]
      pool.ends.get(id)?.resolve({ type: 'unbegun', failure: { name: 'ThreadDied', message: `no child for ${id}` } })
      await settled()
    }
    for (let run = 0; run < 5; run++) await unbegun()
    const error = { name: 'ConfigError', code: 'MODULE_INVALID', subject: 'a' }
    const first = 'expected the pool (threads) to run a, got: no child for t1; 1 task went back to its queue'
    expect(shop.errors).toMatchObject([{ ...error, message: expect.stringContaining(first), cause: { name: 'ThreadDied' } }])
    await shop.clock.advance(9_999)
    await unbegun()
    expect(shop.errors).toHaveLength(1)
    await shop.clock.advance(1)
    await unbegun()
    const second = 'got: no child for t7; 6 tasks went back to their queues since this was last said'
    expect(shop.errors.slice(1)).toMatchObject([{ ...error, message: expect.stringContaining(second) }])
    expect(exceptions).toEqual(Array.from({ length: 7 }, (_, index) => `ThreadDied: no child for t${index + 1}`))
  })

  it('fails a task for good whose output does not fit', async () => {
    const { pool, shop } = await killable()
    const [id] = shop.broker.hand('a', {}) as [string]
    const failure = { name: 'TaskError', message: 'not a number' }
    pool.ends.get(id)?.resolve({ type: 'misfit', failure })
    await settled()
    expect(shop.broker.outcomes(id)).toEqual([{ type: 'failed', failure }])
  })

  it('kills what the broker took back only after the grace', async () => {
    const { pool, shop } = await killable()
    const [id] = shop.broker.hand('a', { timeoutMs: 60_000 }) as [string]
    shop.broker.revoke(id, 'cancelled')
    await shop.clock.advance(1999)
    expect(pool.killed).toEqual([])
    await shop.clock.advance(1)
    expect(pool.killed).toEqual([id])
    expect(shop.broker.settlements).toEqual([])
    expect(shop.worker.load.active).toBe(0)
  })

  it('that rejects in spite of its promise has lost the run, no more', async () => {
    const { pool, shop } = await killable()
    const [id] = shop.broker.hand('a', {}) as [string]
    pool.ends.get(id)?.reject(new RangeError('pool'))
    await settled()
    expect(shop.broker.outcomes(id)).toMatchObject([{ type: 'retried', failure: { name: 'RangeError' } }])
  })

  it('gives a run back when it cannot be handed over', async () => {
    const { pool, shop } = await killable()
    pool.run = () => {
      throw new TypeError('no')
    }
    const [id] = shop.broker.hand('a', {}) as [string]
    await settled()
    expect(shop.broker.outcomes(id)).toMatchObject([{ type: 'released' }])
    expect(shop.errors).toHaveLength(1)
  })
})

describe('rate limits', () => {
  it('spread the runs of one name and hold up no other', async () => {
    const shop = new Workshop({}, [])
    const few = shop.task('few', { rateLimit: '2/s' })
    const many = shop.task('many')
    const { broker, clock, worker } = await new Workshop({ tasks: [few, many], concurrency: 10 }).start()
    const limited = broker.hand('few', {}, {}, {})
    const [other] = broker.hand('many', {}) as [string]
    expect(shop.running).toEqual([limited[0], other])
    expect(broker.prefetches.at(-1)).toBe(12)
    expect(worker.reserved().map((run) => run.message.id)).toEqual(limited.slice(1))
    await clock.advance(499)
    expect(shop.running).toHaveLength(2)
    await clock.advance(1)
    expect(shop.running).toHaveLength(3)
    await clock.advance(500)
    expect(shop.running).toHaveLength(4)
    expect(broker.prefetches.at(-1)).toBe(10)
  })

  it('count what begins, not what could: busy places save up no turns', async () => {
    const shop = new Workshop({}, [])
    const [few, free] = [shop.task('few', { rateLimit: '1/s' }), shop.task('free')]
    const { broker, clock } = await new Workshop({ tasks: [few, free], concurrency: 10 }).start()
    const busy = broker.hand('free', ...Array.from({ length: 8 }, () => ({})))
    const limited = broker.hand('few', ...Array.from({ length: 10 }, () => ({})))
    const [last] = broker.hand('free', {}) as [string]
    expect(shop.running).toEqual([...busy, limited[0], last])
    await clock.advance(20_000)
    for (const id of busy) await shop.finish(id)
    expect(shop.running).toEqual([limited[0], last, limited[1]])
    await clock.advance(999)
    expect(shop.running).toHaveLength(3)
    await clock.advance(1)
    expect(shop.running).toEqual([limited[0], last, limited[1], limited[2]])
  })

  it('share free places among the names that wait, the one that could begin first before the others', async () => {
    const shop = new Workshop({}, [])
    const [quick, slow] = [shop.task('quick', { rateLimit: '100/s' }), shop.task('slow', { rateLimit: '1/s' })]
    const { broker, clock } = await new Workshop({ tasks: [quick, slow, shop.task('free')], concurrency: 3 }).start()
    const quicks = broker.hand('quick', ...Array.from({ length: 5 }, () => ({})))
    const slows = broker.hand('slow', {}, {})
    const [busy] = broker.hand('free', {}) as [string]
    const [next] = broker.hand('free', {}) as [string]
    expect(shop.running).toEqual([quicks[0], slows[0], busy])
    await clock.advance(1000)
    await shop.finish(busy)
    expect(shop.running.at(-1)).toBe(quicks[1])
    await clock.advance(10)
    await shop.finish(slows[0] as string)
    expect(shop.running.at(-1)).toBe(slows[1])
    for (const id of quicks) {
      await clock.advance(10)
      await shop.finish(id)
    }
    expect(shop.running).toEqual([slows[1], next])
  })

  it('let everything go when the limit is taken away', async () => {
    const shop = new Workshop({}, [])
    const few = shop.task('few', { rateLimit: 1 })
    const other = new Workshop({ tasks: [few], concurrency: 10 })
    await other.start()
    other.broker.hand('few', {}, {}, {}, {})
    expect(shop.running).toHaveLength(1)
    expect(await other.ask('rate_limit', { task_name: 'few', rate_limit: 0 })).toEqual({ ok: 'rate limit disabled successfully' })
    expect(shop.running).toHaveLength(4)
  })

  it('ask the broker for no more of a name whose line is long, until it is short', async () => {
    const shop = new Workshop({}, [])
    const [few, other] = [shop.task('few', { rateLimit: '1/s' }), shop.task('other', { rateLimit: '1/s' })]
    const { broker, clock, worker } = await new Workshop({ tasks: [few, other], concurrency: 200 }).start()
    const hand = (name: string, count: number) => broker.hand(name, ...Array.from({ length: count }, () => ({})))
    hand('few', 100)
    expect(broker.skips).toEqual([])
    hand('few', 2)
    expect(broker.skips).toEqual([['few']])
    hand('other', 101)
    expect(broker.skips.at(-1)).toEqual(['few', 'other'])
    await clock.advance(50_000)
    expect(broker.skips.at(-1)).toEqual(['few'])
    await clock.advance(1000)
    expect(broker.skips).toEqual([['few'], ['few', 'other'], ['few'], []])
    hand('few', 60)
    expect(broker.skips.at(-1)).toEqual(['few'])
    worker.pause()
    expect(broker.skips.at(-1)).toEqual([])
    expect(broker.settlements.every(({ outcome }) => outcome.type === 'released')).toBe(true)
  })

  it('give back what would be too much to keep, each until its turn, where the broker cannot leave out a name', async () => {
    const shop = new Workshop({}, [])
    const few = shop.task('few', { rateLimit: '1/s' })
    const worn = new Workshop({ tasks: [few] })
    worn.broker.canSkip = false
    await worn.start()
    worn.broker.hand('few', ...Array.from({ length: 1003 }, () => ({})))
    await settled()
    expect(worn.broker.settlements.map(({ outcome }) => outcome)).toEqual([
      { type: 'released', delayMs: 1_001_000 },
      { type: 'released', delayMs: 1_002_000 },
    ])
  })
})

describe('times to come', () => {
  it('wait in the worker and do not use up its prefetch', async () => {
    const shop = await new Workshop({ prefetch: 5 }).start()
    const at = shop.clock.now() + 60_000
    const [id] = shop.broker.hand('held', { at }) as [string]
    expect(shop.broker.prefetches.at(-1)).toBe(6)
    expect(await shop.ask('scheduled')).toMatchObject([{ eta: new Date(at).toISOString(), priority: 6, request: { id } }])
    expect(shop.running).toEqual([])
    await shop.clock.advance(60_000)
    expect(shop.running).toEqual([id])
    expect(shop.broker.prefetches.at(-1)).toBe(5)
  })
})

describe('revoking', () => {
  it('drops what waits, remembers what has not come, and lets run what runs', async () => {
    const shop = await new Workshop({ concurrency: 1 }).start()
    const [running, reserved] = shop.broker.hand('held', {}, {}) as [string, string]
    const [scheduled] = shop.broker.hand('held', { at: shop.clock.now() + 1000 }) as [string]
    const ids = [running, reserved, scheduled, 'later']
    expect(await shop.ask('revoke', { task_id: ids })).toEqual({
      ok: `tasks {${ids.map((id) => `'${id}'`).join(', ')}} flagged as revoked`,
    })
    shop.broker.hand('held', { id: 'later' })
    await settled()
    const revoked = [{ type: 'cancelled', message: 'revoked' }]
    for (const id of [reserved, scheduled, 'later']) expect(shop.broker.outcomes(id)).toEqual(revoked)
    await shop.finish(running)
    expect(shop.broker.outcomes(running)).toEqual([{ type: 'completed', result: null }])
    expect(await shop.ask('revoked')).toEqual(ids)
  })

  it('with terminate stops what runs: settled at once, its place free after the grace', async () => {
    const shop = await new Workshop({ concurrency: 1 }).start()
    const [id] = shop.broker.hand('held', {}) as [string]
    const { signal } = shop.context(id)
    expect(await shop.ask('revoke', { task_id: id, terminate: true })).toEqual({ ok: `terminate: ${id}` })
    expect(signal.aborted).toBe(true)
    expect(shop.broker.outcomes(id)).toEqual([{ type: 'cancelled', message: 'terminated' }])
    await shop.finish(id, 'too late')
    expect(shop.broker.settlements).toHaveLength(1)
    expect(shop.worker.load).toMatchObject({ active: 0, lingering: 0 })
    expect(await shop.ask('terminate', { task_id: 'ghost' })).toEqual({ ok: 'terminate: tasks unknown' })
  })

  it('by the broker aborts the handler and settles nothing', async () => {
    const shop = await new Workshop({ concurrency: 1 }).start()
    const [running, reserved, same] = shop.broker.hand('held', {}, {}, { id: 'x', run: 3 }) as [string, string, string]
    const { signal } = shop.context(running)
    shop.broker.revoke(running, 'cancelled')
    shop.broker.revoke(reserved, 'lost')
    shop.broker.revoke(same, 'lost', 2)
    expect(signal.reason).toMatchObject({ code: 'RUN_STOPPED', subject: running })
    expect(shop.worker.load).toMatchObject({ active: 1, reserved: 1 })
    await shop.fail(running, signal.reason as Error)
    expect(shop.broker.settlements).toEqual([])
    expect(shop.running).toEqual([same])
  })

  it('by the broker leaves a deaf handler behind after the grace', async () => {
    const shop = await new Workshop({ concurrency: 1, abortGrace: 500 }).start()
    const [deaf, next] = shop.broker.hand('held', {}, {}) as [string, string]
    shop.broker.revoke(deaf, 'cancelled')
    await shop.clock.advance(500)
    expect(shop.running).toEqual([deaf, next])
    expect(shop.worker.load).toMatchObject({ active: 1, lingering: 1 })
  })
})
