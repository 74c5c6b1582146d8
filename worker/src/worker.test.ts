import { hostname } from 'node:os'
import { ConfigError, defineTask, StoreError, silentLogger, TaskError } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { settled } from './fixtures/manual-clock.ts'
import { ToyBroker } from './fixtures/toy-broker.ts'
import { Workshop } from './fixtures/workshop.ts'
import { Worker } from './worker.ts'

const noop = defineTask({ name: 'noop', run() {} })

describe('the options', () => {
  const broker = new ToyBroker()
  const make = (options: object) => () => new Worker({ broker, tasks: [noop], logger: silentLogger, ...options })

  it('have defaults', () => {
    const worker = make({ tasks: [noop, defineTask({ name: 'b', queue: 'slow', run() {} })] })()
    expect(worker.name).toBe(`worker@${hostname()}`)
    expect(worker.queues).toEqual(['default', 'slow'])
    expect(worker.concurrency).toBe(10)
    expect(worker.pool.name).toBe('inline')
  })

  it('are refused with a line that says what is accepted', () => {
    expect(make({ concurrency: 0 })).toThrow('expected `concurrency` to be a positive whole number, got: 0')
    expect(make({ prefetch: 1.5 })).toThrow('`prefetch`')
    expect(make({ queues: [] })).toThrow('`queues`')
    expect(make({ queues: ['a b'] })).toThrow('queue name')
    expect(make({ pool: 'magic' })).toThrow('inline, threads, processes')
    expect(make({ pool: 'threads' })).toThrow('`files`')
    expect(make({ autoscale: { min: 3, max: 2 } })).toThrow('`autoscale`')
    expect(make({ coldGrace: 'soon' })).toThrow('`coldGrace`')
    expect(make({ tasks: [{ name: 'x' }] })).toThrow('defineTask')
    expect(make({ tasks: 7 })).toThrow('`tasks`')
  })

  it('refuse two definitions of one name, and take one definition twice', () => {
    const twin = defineTask({ name: 'noop', run() {} })
    expect(make({ tasks: [noop, twin] })).toThrow(expect.objectContaining({ code: 'DEFINITION_DUPLICATE' }))
    expect([...make({ tasks: { noop, alias: noop, other: () => 1 } })().registry.keys()]).toEqual(['noop'])
  })

  it('publish what a sender by name goes by, and JSON Schemas', async () => {
    const shop = await new Workshop({
      tasks: [
        defineTask({ name: 'a', input: z.object({ n: z.number() }), run() {} }),
        defineTask({ name: 'b', queue: 'q', priority: 'high', retry: { limit: 9 }, lostLimit: 0, key: () => 'k', run() {} }),
      ],
    }).start()
    const schema = expect.objectContaining({ type: 'object', required: ['n'] })
    expect(shop.broker.consumed?.tasks).toEqual([
      { name: 'a', queue: 'default', priority: 4, keyed: false, retryLimit: 3, lostLimit: 5, schema },
      { name: 'b', queue: 'q', priority: 5, keyed: true, retryLimit: 9, lostLimit: 0, schema: undefined },
    ])
  })
})

describe('running', () => {
  it('runs no more than its concurrency, in the order delivered', async () => {
    const shop = await new Workshop().start()
    const [a, b, c] = shop.broker.hand('held', {}, {}, {}) as [string, string, string]
    expect(shop.running).toEqual([a, b])
    expect(shop.worker.load).toMatchObject({ active: 2, reserved: 1 })
    await shop.finish(b, 7)
    expect(shop.running).toEqual([a, c])
    expect(shop.broker.accepted).toEqual([a, b, c])
    expect(shop.broker.outcomes(b)).toEqual([{ type: 'completed', result: 7 }])
  })

  it('tries a failed run again as the policy says, until the limit', async () => {
    const shop = new Workshop({}, [])
    const task = defineTask({
      name: 'bad',
      retry: { limit: 2, delay: 1000, jitter: 0 },
      run: () => Promise.reject(new TypeError('no')),
    })
    const { broker } = await new Workshop({ tasks: [task] }).start()
    expect(shop.errors).toEqual([])
    const [first, third, own] = broker.hand('bad', {}, { retries: 2, run: 2 }, { retries: 0, retryLimit: 0 }) as [
      string,
      string,
      string,
    ]
    await settled()
    const failure = expect.objectContaining({ name: 'TypeError', message: 'no' })
    expect(broker.outcomes(first)).toEqual([{ type: 'retried', delayMs: 1000, limit: 2, failure }])
    expect(broker.outcomes(third)).toEqual([{ type: 'failed', failure }])
    expect(broker.outcomes(own)).toEqual([{ type: 'failed', failure }])
  })

  it('maps retry, cancel, invalid input and unknown names', async () => {
    const tasks = [
      defineTask({ name: 'retry', run: (_, { retry }) => retry({ delay: '5s' }) }),
      defineTask({ name: 'cancel', run: (_, { cancel }) => cancel('why') }),
      defineTask({ name: 'strict', input: z.number(), run() {} }),
    ]
    const shop = await new Workshop({ tasks }).start()
    const { broker } = shop
    const ids = ['retry', 'cancel', 'strict', 'ghost'].flatMap((name) => broker.hand(name, { input: 'x' }))
    const [none] = broker.hand('retry', { retries: 3 })
    await settled()
    expect(ids.map((id) => broker.outcomes(id)[0])).toEqual([
      { type: 'retried', delayMs: 5000, limit: 3 },
      { type: 'cancelled', message: 'why' },
      { type: 'rejected', reason: 'malformed-payload', failure: expect.objectContaining({ code: 'INPUT_INVALID' }) },
      { type: 'released', delayMs: 10_000, failure: expect.objectContaining({ message: expect.stringContaining('got: ghost') }) },
    ])
    expect(broker.outcomes(none as string)).toEqual([
      { type: 'failed', failure: expect.objectContaining({ message: expect.stringContaining('none of 3 is left') }) },
    ])
    expect(shop.errors[0]?.message).toContain('got: ghost')
  })

  it('refuses what is past its deadline before it begins', async () => {
    const shop = await new Workshop().start()
    const [late] = shop.broker.hand('held', { deadline: shop.clock.now() })
    await settled()
    expect(shop.broker.outcomes(late as string)).toEqual([{ type: 'rejected', reason: 'deadline-exceeded' }])
  })

  it('gives handlers progress, logs, sends and the results before theirs', async () => {
    const shop = new Workshop()
    const next = shop.task('next', { queue: 'slow' })
    const { broker, worker } = await new Workshop({
      tasks: [
        next,
        defineTask({
          name: 'busy',
          async run(_, context) {
            context.progress(0.5)
            context.progress(1, 'last')
            context.log.warn('careful')
            context.log.error(new RangeError('too far') as never)
            await context.send('next', { n: 1 })
            await context.send('elsewhere', 2, { id: 'chosen' })
            return (await context.dependencies()).map(({ state }) => state)
          },
        }),
      ],
    }).start()
    const [id] = broker.hand('busy', { dependencies: ['d1'] }) as [string]
    await settled()
    expect(broker.notes).toEqual([
      [id, { progress: 0.5 }],
      [id, { progress: { value: 1, detail: 'last' } }],
      [id, { line: { level: 'warn', text: 'careful' } }],
      [id, { line: { level: 'error', text: expect.stringMatching(/^RangeError: too far\n +at /) } }],
    ])
    expect(broker.sent).toMatchObject([
      { name: 'next', queue: 'slow', parent: id, input: { n: 1 } },
      { name: 'elsewhere', queue: 'default', parent: id, id: 'chosen' },
    ])
    expect(broker.outcomes(id)).toEqual([{ type: 'completed', result: ['unknown'] }])
    expect(worker.load.processed).toBe(1)
  })

  it('does not keep the event loop from its turn', async () => {
    let now = 0
    const slow = defineTask({
      name: 'slow',
      run() {
        now += 15
      },
    })
    const clock = { now: () => now, at: () => () => {} }
    const shop = await new Workshop({ tasks: [slow], clock, concurrency: 1 }).start()
    shop.broker.hand('slow', ...Array.from({ length: 10 }, () => ({})))
    await Promise.resolve()
    const turns: number[] = []
    while (shop.broker.settlements.length < 10) {
      await settled()
      turns.push(shop.broker.settlements.length)
    }
    expect(turns.length).toBeGreaterThan(3)
  })
})

describe('settling', () => {
  it('insists until the broker takes the outcome, and tells each time', async () => {
    const shop = await new Workshop().start()
    const [id] = shop.broker.hand('held', {}) as [string]
    let refusals = 3
    shop.broker.refuse = () => (refusals-- > 0 ? new StoreError('STORE_BUSY', 'locked') : undefined)
    await shop.finish(id, 1)
    expect(shop.errors).toHaveLength(1)
    await shop.clock.advance(1000)
    expect(shop.errors).toHaveLength(3)
    expect(shop.broker.outcomes(id)).toEqual([{ type: 'completed', result: 1 }])
  })

  it('lets go of an outcome when the delivery is revoked', async () => {
    const shop = await new Workshop().start()
    const [id] = shop.broker.hand('held', {}) as [string]
    shop.broker.refuse = () => new StoreError('STORE_BUSY', 'locked')
    await shop.finish(id)
    shop.broker.revoke(id, 'lost')
    await settled()
    const before = shop.errors.length
    await shop.clock.advance(60_000)
    expect(shop.errors).toHaveLength(before)
  })

  it('fails a run whose outcome meets a fault in the broker again and again', async () => {
    const shop = await new Workshop().start()
    const [id] = shop.broker.hand('held', {}) as [string]
    shop.broker.refuse = ({ outcome }) => (outcome.type === 'completed' ? new TypeError('no function') : undefined)
    await shop.finish(id, 1)
    await shop.clock.advance(60_000)
    expect(shop.broker.outcomes(id)).toEqual([
      { type: 'failed', failure: expect.objectContaining({ name: 'TypeError', message: 'no function' }) },
    ])
    expect(shop.errors.map(({ message }) => message)).toEqual([
      ...Array.from({ length: 8 }, () => 'no function'),
      `[bug] expected the broker to take the outcome \`completed\` of task ${id}, got again and again: no function; the task has failed of that`,
    ])
  })

  it('leaves one to the broker that meets it whatever is said, and goes on', async () => {
    const shop = await new Workshop().start()
    shop.broker.refuse = ({ id }) => (id === 'bad' ? new TypeError('no function') : undefined)
    shop.broker.hand('held', { id: 'bad' }, { id: 'good' })
    await shop.finish('bad', 1)
    await shop.clock.advance(60_000)
    const { length } = shop.errors
    expect(shop.broker.calls).toEqual(['abandon bad'])
    expect(shop.errors.at(-1)?.message).toMatch(
      /`failed` of task bad, got again and again: no function; it is left to the broker/,
    )
    await shop.clock.advance(3_600_000)
    expect(shop.errors).toHaveLength(length)
    await shop.finish('good', 1)
    expect(shop.broker.outcomes('good')).toEqual([{ type: 'completed', result: 1 }])
    await shop.worker.stop()
  })

  it('fails a run whose result cannot be written', async () => {
    const shop = await new Workshop().start()
    shop.broker.refuse = ({ outcome }) =>
      outcome.type === 'completed' ? new TaskError('INPUT_UNSERIALIZABLE', 'a cycle') : undefined
    const told: string[] = []
    for (const type of ['task-succeeded', 'task-failed'] as const) shop.worker.on(type, () => told.push(type))
    const [id] = shop.broker.hand('held', {}) as [string]
    await shop.finish(id)
    expect(told).toEqual(['task-failed'])
    expect(shop.broker.outcomes(id)).toEqual([
      { type: 'failed', failure: expect.objectContaining({ code: 'INPUT_UNSERIALIZABLE' }) },
    ])
  })
})

describe('listeners', () => {
  it('hear tasks begin by their names, and one that throws harms nobody', async () => {
    const shop = await new Workshop().start()
    const heard: string[] = []
    shop.worker.on('worker.task.held', ({ id, input }) => heard.push(`held ${id} ${String(input)}`))
    shop.worker.on('worker.task.*', ({ name }) => {
      heard.push(`all ${name}`)
      throw new TypeError('listener')
    })
    shop.worker.on('worker.task.other', () => heard.push('other'))
    const [id] = shop.broker.hand('held', { input: 7 }) as [string]
    expect(heard).toEqual([`held ${id} 7`, 'all held'])
    expect(shop.errors.map(({ message }) => message)).toEqual(['listener'])
    await shop.finish(id)
    expect(shop.broker.outcomes(id)).toHaveLength(1)
  })
})

describe('errors', () => {
  it('emits fatal and rejects when it cannot start, and closes what it had opened', async () => {
    const shop = new Workshop()
    shop.broker.consumeError = new StoreError('STORE_UNAVAILABLE', 'no')
    const fatal: Error[] = []
    shop.worker.on('fatal', (error) => fatal.push(error))
    await expect(shop.worker.start()).rejects.toThrow('no')
    expect(fatal).toHaveLength(1)
    expect(shop.broker.calls).toEqual(['stop serving'])
    await shop.worker.stop()
  })

  it('go to the logger without a listener, and a listener that throws harms nobody', async () => {
    const lines: string[] = []
    const logger = {
      ...silentLogger,
      error: (fields: object, text: string) => lines.push(`${text} ${String((fields as { error: Error }).error.message)}`),
    }
    const broker = new ToyBroker()
    const worker = new Worker({ broker, tasks: [noop], logger })
    await worker.start()
    broker.listener?.error(new ConfigError('BUG', 'one'))
    worker.on('error', () => {
      throw new Error('two')
    })
    broker.listener?.error(new ConfigError('BUG', 'three'))
    expect(lines).toEqual(['recovered [bug] one', 'a listener of error threw two'])
    await worker.stop()
  })
})
