import { controlMethods, inspectMethods, type WorkerEvent } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { settled } from '../fixtures/manual-clock.ts'
import { Workshop } from '../fixtures/workshop.ts'
import { builtInCommands } from './built-in.ts'

const taskKeys = ['acknowledged', 'args', 'delivery_info', 'hostname', 'id', 'kwargs', 'name', 'time_start', 'type', 'worker_pid']

describe('the commands', () => {
  it('are those that core names', () => {
    expect(Object.keys(builtInCommands).sort()).toEqual([...inspectMethods, ...controlMethods].sort())
  })

  it('look: ping, active, reserved, query_task, registered, clock, active_queues', async () => {
    const shop = new Workshop({ concurrency: 1 }, [])
    const limited = shop.task('limited', { rateLimit: '10/m' })
    const other = await new Workshop({ concurrency: 1, tasks: [shop.task('held'), limited] }).start()
    const [a, b] = other.broker.hand('held', { input: { n: 1 } }, { args: [1], kwargs: { k: 2 }, run: 1 }) as [string, string]
    expect(await other.ask('ping')).toEqual({ ok: 'pong' })
    const [active] = (await other.ask('active')) as [Record<string, unknown>]
    expect(Object.keys(active).sort()).toEqual(taskKeys)
    expect(active).toMatchObject({
      id: a,
      args: [{ n: 1 }],
      kwargs: {},
      hostname: 'w@h',
      time_start: 1000,
      worker_pid: process.pid,
    })
    const [reserved] = (await other.ask('reserved')) as [Record<string, unknown>]
    expect(reserved).toMatchObject({ id: b, args: [1], kwargs: { k: 2 }, time_start: null, delivery_info: { redelivered: true } })
    expect(await other.ask('query_task', { ids: [a, b, 'ghost'] })).toMatchObject({
      [a]: ['active', { id: a }],
      [b]: ['reserved', { id: b }],
    })
    expect(await other.ask('registered')).toEqual(['held', 'limited [rate_limit=10/m]'])
    expect(await other.ask('clock')).toEqual({ clock: other.worker.lamport.value })
    expect(await other.ask('active_queues')).toMatchObject([
      { name: 'default', routing_key: 'default', exchange: { name: 'default' } },
    ])
  })

  it('look: stats, conf, report', async () => {
    const shop = await new Workshop({ concurrency: 3 }).start()
    const [id] = shop.broker.hand('held', {}) as [string]
    await shop.clock.advance(30_000)
    await shop.finish(id)
    await shop.clock.advance(30_000)
    expect(await shop.ask('stats')).toMatchObject({
      total: { held: 1 },
      pid: process.pid,
      clock: expect.any(String),
      uptime: 60,
      pool: { implementation: 'inline', 'max-concurrency': 3, processes: [process.pid] },
      broker: { transport: 'toy' },
      prefetch_count: 3,
      rusage: { maxrss: expect.any(Number) },
      stopping: false,
      load: { active: 0, processed: 1 },
      tasks: { held: { started: 1, outcomes: { completed: 1, failed: 0 }, runtimeMs: { count: 1, mean: 30_000, max: 30_000 } } },
    })
    expect(await shop.ask('conf')).toMatchObject({
      name: 'w@h',
      concurrency: 3,
      pool: 'inline',
      prefetch: 'auto',
      queues: ['default'],
    })
    expect(await shop.ask('report')).toMatchObject({ ok: expect.stringMatching(/^lovage \d/) })
  })

  it('change: the places', async () => {
    const shop = await new Workshop({ concurrency: 1 }).start()
    shop.broker.hand('held', {}, {}, {})
    expect(await shop.ask('pool_grow', { n: 2 })).toEqual({ ok: 'pool will grow', concurrency: 3 })
    expect(shop.running).toHaveLength(3)
    expect(shop.broker.prefetches.at(-1)).toBe(3)
    expect(await shop.ask('pool_shrink')).toEqual({ ok: 'pool will shrink', concurrency: 2 })
    expect(shop.worker.concurrency).toBe(2)
    expect(await shop.ask('pool_shrink', { n: 100 })).toEqual({ ok: 'pool will shrink', concurrency: 1 })
    await expect(shop.ask('pool_grow', { n: 'many' })).rejects.toThrow('expected `n` to be a positive whole number')
  })

  it('change: autoscale, with which the pool is not grown by hand', async () => {
    const shop = await new Workshop({ concurrency: 1 }).start()
    expect(await shop.ask('autoscale', { max: 4, min: 2 })).toEqual({ ok: 'autoscale now max=4 min=2' })
    expect(shop.worker.concurrency).toBe(2)
    expect(await shop.ask('stats')).toMatchObject({ autoscaler: { max: 4, min: 2, current: 2, qty: 0 } })
    await expect(shop.ask('pool_grow')).rejects.toThrow('Adjust autoscale range instead')
    await expect(shop.ask('autoscale', { max: 1, min: 2 })).rejects.toThrow('1 <= min <= max')
  })

  it('change: queues', async () => {
    const shop = await new Workshop().start()
    expect(await shop.ask('add_consumer', { queue: 'b' })).toEqual({ ok: 'add consumer b' })
    expect(await shop.ask('cancel_consumer', { queue: 'default' })).toEqual({ ok: 'no longer consuming from default' })
    expect(shop.worker.queues).toEqual(['b'])
    expect(shop.broker.calls).toEqual(['add b', 'cancel default'])
    await expect(shop.ask('add_consumer', {})).rejects.toThrow('expected `queue` to be a text, got: undefined')
  })

  it('change: limits', async () => {
    const shop = await new Workshop().start()
    expect(await shop.ask('rate_limit', { task_name: 'held', rate_limit: '1/m' })).toEqual({
      ok: 'new rate limit set successfully',
    })
    await expect(shop.ask('rate_limit', { task_name: 'ghost', rate_limit: 1 })).rejects.toThrow('unknown task')
    await expect(shop.ask('rate_limit', { task_name: 'held', rate_limit: 'fast' })).rejects.toThrow('"10/s"')
    expect(await shop.ask('time_limit', { task_name: 'held', hard: 2, soft: 1 })).toEqual({ ok: 'time limits set successfully' })
    const [id] = shop.broker.hand('held', {}) as [string]
    await shop.clock.advance(2000)
    expect(shop.broker.outcomes(id)).toMatchObject([{ failure: { code: 'TIMEOUT' } }])
  })

  it('change: events', async () => {
    const shop = await new Workshop().start()
    const heard: WorkerEvent[] = []
    await shop.broker.events.capture(['task-*'], (event) => heard.push(event))
    const run = async () => {
      const [id] = shop.broker.hand('held', { args: [1] }) as [string]
      shop.context(id).progress(0.5, 'half')
      shop.context(id).log.info('line')
      await shop.finish(id, { ok: true })
    }
    await run()
    expect(heard).toEqual([])
    expect(await shop.ask('enable_events')).toEqual({ ok: 'task events enabled' })
    expect(await shop.ask('enable_events')).toEqual({ ok: 'task events already enabled' })
    await run()
    expect(heard.map(({ type }) => type)).toEqual([
      'task-received',
      'task-started',
      'task-progress',
      'task-log',
      'task-succeeded',
    ])
    expect(heard[0]).toMatchObject({ worker: 'w@h', name: 'held', args: '[1]', kwargs: '{}', eta: null, retries: 0 })
    expect(heard[4]).toMatchObject({ result: '{"ok":true}', runtime: 0 })
    expect(await shop.ask('disable_events')).toEqual({ ok: 'task events disabled' })
    await run()
    expect(heard).toHaveLength(5)
  })

  it('change: pause gives back what was reserved; resume takes again', async () => {
    const shop = await new Workshop({ concurrency: 1 }).start()
    const [running, reserved] = shop.broker.hand('held', {}, {}) as [string, string]
    expect(await shop.ask('pause')).toEqual({ ok: 'paused' })
    await shop.finish(running)
    expect(shop.broker.outcomes(reserved)).toEqual([{ type: 'released' }])
    expect(shop.broker.paused).toBe(true)
    const [late, scheduled] = shop.broker.hand('held', {}, { at: shop.clock.now() + 100 }) as [string, string]
    await shop.clock.advance(50)
    expect(shop.broker.outcomes(late)).toEqual([{ type: 'released' }])
    expect(shop.broker.outcomes(scheduled)).toEqual([])
    await shop.clock.advance(50)
    expect(shop.broker.outcomes(scheduled)).toEqual([{ type: 'released' }])
    expect(shop.running).toEqual([])
    expect(await shop.ask('resume')).toEqual({ ok: 'resumed' })
    const [next] = shop.broker.hand('held', {}) as [string]
    expect(shop.running).toEqual([next])
    expect(shop.broker.calls).toEqual(['pause', 'resume'])
  })

  it('change: heartbeat and shutdown', async () => {
    const shop = await new Workshop().start()
    expect(await shop.ask('heartbeat')).toBeNull()
    expect(shop.broker.emitted.at(-1)).toMatchObject({ type: 'worker-heartbeat', freq: 5 })
    const exit = new Promise<void>((done) => shop.worker.on('exit', done))
    expect(await shop.ask('shutdown')).toEqual({ ok: 'shutting down' })
    await exit
  })
})

describe('task events', () => {
  it('reach listeners of the worker without being enabled, with the exception of a failure', async () => {
    const shop = await new Workshop({ concurrency: 1 }).start()
    const heard: WorkerEvent[] = []
    shop.worker.on('task-failed', (event) => heard.push(event)).on('task-revoked', (event) => heard.push(event))
    const [bad, terminated, late] = shop.broker.hand('held', { retries: 9 }, {}, { deadline: 1 }) as [string, string, string]
    await shop.fail(bad, new RangeError('no'))
    await shop.ask('terminate', { task_id: terminated })
    await shop.finish(terminated)
    expect(heard).toMatchObject([
      { type: 'task-failed', id: bad, exception: 'RangeError: no', traceback: expect.stringContaining('RangeError') },
      { type: 'task-revoked', id: terminated, terminated: true, signum: 'SIGTERM', expired: false },
      { type: 'task-revoked', id: late, terminated: false, expired: true },
    ])
    expect(shop.broker.emitted.some(({ type }) => type.startsWith('task-'))).toBe(false)
    await settled()
  })
})
