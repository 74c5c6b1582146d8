/** The testing kit, used as its users would. */
import { from } from '@lovage/client'
import { defineTask } from '@lovage/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { drain, type TestBroker, testBroker } from './index.ts'

let broker: TestBroker
beforeEach(async () => {
  broker = await testBroker()
})
afterEach(() => broker.close())

const double = defineTask({ name: 'double', run: (n: number) => n * 2 })
const sum = defineTask({ name: 'sum', run: (numbers: number[]) => numbers.reduce((a, b) => a + b, 0) })

describe('drain', () => {
  test('runs what is due and answers how it ended', async () => {
    await broker.sendMany([1, 2, 3].map((input) => ({ task: double, input })))
    const results = await drain(broker, [double])
    expect(results.map(({ state, result }) => [state, result])).toEqual([
      ['completed', 2],
      ['completed', 4],
      ['completed', 6],
    ])
    expect(await drain(broker, [double])).toEqual([])
  })

  test('follows a flow to its end', async () => {
    const flow = broker.flow()
    const parts = [1, 2, 3].map((n) => flow.add(double, n))
    const total = flow.add(sum, from(parts))
    const sent = await flow.send()
    await drain(broker, [double, sum])
    expect(await sent.get(total).result()).toBe(12)
  })

  test('runs what handlers send', async () => {
    const parent = defineTask({
      name: 'parent',
      async run(n: number, context) {
        for (let i = 1; i <= n; i++) await context.send(double, i)
      },
    })
    await broker.send(parent, 3)
    expect((await drain(broker, [parent, double])).map(({ name, result }) => [name, result])).toEqual([
      ['parent', null],
      ['double', 2],
      ['double', 4],
      ['double', 6],
    ])
  })

  test('leaves what is scheduled for later until the clock is moved', async () => {
    const handle = await broker.send(double, 4, { delay: '7 days' })
    expect(await drain(broker, [double])).toEqual([])
    expect((await handle.state()).state).toBe('scheduled')
    await broker.clock.advance('7 days')
    expect(await drain(broker, [double])).toMatchObject([{ id: handle.id, result: 8 }])
  })

  test('answers a failure; a retry comes exactly when its policy says', async () => {
    let runs = 0
    const flaky = defineTask({
      name: 'flaky',
      retry: { limit: 1, delay: '10s' },
      run: () => {
        runs++
        throw new TypeError('no luck')
      },
    })
    await broker.send(flaky)
    expect(await drain(broker, [flaky])).toMatchObject([{ state: 'scheduled' }])
    await broker.clock.advance(9999)
    expect(await drain(broker, [flaky])).toEqual([])
    await broker.clock.advance(1)
    expect(await drain(broker, [flaky])).toMatchObject([{ state: 'failed', failure: { name: 'TypeError', message: 'no luck' } }])
    expect(runs).toBe(2)
  })

  test('leaves tasks of other definitions and of paused queues pending', async () => {
    await broker.send('unknown.task', 1)
    await broker.send(double, 1, { queue: 'halted' })
    await broker.pauseQueue('halted')
    await broker.send(double, 2, { queue: 'other' })
    expect(await drain(broker, [double])).toMatchObject([{ result: 4 }])
    await broker.resumeQueue('halted')
    expect(await drain(broker, [double])).toMatchObject([{ result: 2 }])
    expect((await broker.find({ states: ['pending'] })).tasks.map(({ name }) => name)).toEqual(['unknown.task'])
  })

  test('does not wait for rate limits, and goes on past cancelled tasks', async () => {
    const slow = defineTask({ name: 'slow', rateLimit: '1/h', run: (n: number) => n })
    const handles = await broker.sendMany([1, 2, 3].map((input) => ({ task: slow, input })))
    await handles[1]?.cancel('not this one')
    expect((await drain(broker, [slow])).map(({ result }) => result)).toEqual([1, 3])
    await expect(handles[1]?.result()).rejects.toMatchObject({ code: 'TASK_EXCEPTION' })
  })

  test('lets handlers wait for each other when several may run', async () => {
    const waits = defineTask({
      name: 'waits',
      async run() {
        return (await broker.send(double, 5)).result()
      },
    })
    await broker.send(waits)
    expect(await drain(broker, [waits, double], { concurrency: 2 })).toMatchObject([{ result: 10 }, { result: 10 }])
  })

  test('keeps logs and progress with the task', async () => {
    const chatty = defineTask({
      name: 'chatty',
      run: (_: undefined, context) => {
        context.log.info('half way')
        context.progress(0.5)
      },
    })
    const { id } = await broker.send(chatty)
    await drain(broker, [chatty])
    expect(await broker.logs(id)).toMatchObject([{ level: 'info', text: 'half way', run: 0 }])
    expect((await broker.task(id).state()).progress).toEqual(0.5)
  })
})
