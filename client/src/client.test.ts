/** Sending, handles and steering, on a broker that records what it is told. */
import { ConfigError, defineTask, LovageError, type TaskResult } from '@lovage/core'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { createClient } from './client.ts'
import { recordingBroker } from './fixtures/recording-broker.ts'
import { createNewId } from './new-id.ts'
import type { TaskHandle } from './task-handle.ts'

const resize = defineTask({
  name: 'images.resize',
  queue: 'images',
  priority: 'high',
  retry: { limit: 7 },
  run: (input: { url: string; width: number }) => ({ bytes: input.width }),
})
const parse = defineTask({ name: 'parse', input: z.object({ n: z.string().transform(Number) }), run: ({ n }) => n + 1 })
const keyed = defineTask({ name: 'keyed', key: (input: { user: string }) => input.user, run: (_: { user: string }) => 'done' })
const dated = defineTask({ name: 'dated', run: () => ({ at: new Date(0) }) })
const bare = defineTask({ name: 'bare', run: () => 1 })

function setUp() {
  const broker = recordingBroker()
  let id = 0
  return { broker, client: createClient(broker, { clock: { now: () => 1_000_000 }, newId: () => `id-${++id}` }) }
}

describe('send', () => {
  test('puts the policy of the definition and the options of the sender into one message', async () => {
    const { broker, client } = setUp()
    await client.send(resize, { url: 'x', width: 1 }, { delay: '10s', deadline: '1m', priority: 'lowest' })
    expect(broker.calls).toEqual([
      [
        expect.objectContaining({
          id: 'id-1',
          name: 'images.resize',
          queue: 'images',
          priority: 1,
          retryLimit: 7,
          input: { url: 'x', width: 1 },
          at: 1_010_000,
          deadline: 1_060_000,
        }),
      ],
    ])
  })

  test('reaches the bus in the same tick when there is nothing to validate', () => {
    const { broker, client } = setUp()
    void client.send(resize, { url: 'x', width: 1 })
    void client.send('by.name', [1, 2])
    expect(broker.calls.map(([message]) => message?.name)).toEqual(['images.resize', 'by.name'])
  })

  test('sends the value that validates, not what the schema makes of it', async () => {
    const { broker, client } = setUp()
    await client.send(parse, { n: '41' })
    expect(broker.calls[0]?.[0]?.input).toEqual({ n: '41' })
  })

  test('refuses an input that does not satisfy the schema, and sends nothing', async () => {
    const { broker, client } = setUp()
    await expect(client.send(parse, { n: 41 } as never)).rejects.toMatchObject({ code: 'INPUT_INVALID', subject: 'parse' })
    expect(broker.calls).toEqual([])
  })

  test('leaves the schema aside for an input that is bound later', async () => {
    const { broker, client } = setUp()
    await client.send(parse, undefined as never, { dependencies: ['a'], bind: 'one' })
    await client.send(parse, undefined as never, { args: ['41'] })
    expect(broker.calls).toHaveLength(2)
  })

  test('takes the key from the definition unless the sender names one', async () => {
    const { broker, client } = setUp()
    await client.send(keyed, { user: 'ann' })
    await client.send(keyed, { user: 'ann' }, { key: 'other', keyPolicy: 'reject' })
    expect(broker.calls.flat().map(({ key, keyPolicy }) => [key, keyPolicy])).toEqual([
      ['ann', 'existing'],
      ['other', 'reject'],
    ])
  })

  test('answers the task that holds the key', async () => {
    const { broker, client } = setUp()
    broker.keys.set('ann', 'earlier')
    expect(await client.send(keyed, { user: 'ann' })).toMatchObject({ id: 'earlier', status: 'existing' })
  })

  test('rejects, and never throws, for wrong options', async () => {
    const { client } = setUp()
    await expect(client.send(bare, undefined, { delay: 'soon' })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
    await expect(client.send('two words')).rejects.toMatchObject({ code: 'NAME_INVALID' })
    const throwing = defineTask({ name: 'throwing', key: () => JSON.parse('{'), run: (_: number) => 1 })
    await expect(client.send(throwing, 1)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  test('types input and result by the definition', async () => {
    const { client } = setUp()
    expectTypeOf(await client.send(resize, { url: '', width: 1 })).toEqualTypeOf<TaskHandle<{ bytes: number }>>()
    expectTypeOf(await client.send(bare)).toEqualTypeOf<TaskHandle<number>>()
    expectTypeOf((await client.send(parse, { n: '1' })).result).returns.resolves.toEqualTypeOf<number>()
    expectTypeOf((await client.send<string>('by.name', 1)).result).returns.resolves.toEqualTypeOf<string>()
    expectTypeOf((await client.send(dated)).result).returns.resolves.toEqualTypeOf<{ at: string }>()
    expectTypeOf((await client.sendMany([{ task: dated }]))[0]).toEqualTypeOf<TaskHandle<{ at: string }>>()
    // @ts-expect-error the input is missing
    await client.send(resize)
    // @ts-expect-error `width` is a number
    await client.send(resize, { url: '', width: '1' })
  })
})

describe('sendMany', () => {
  test('is one call of the bus, with one handle per request', async () => {
    const { broker, client } = setUp()
    const handles = await client.sendMany([
      { task: resize, input: { url: 'a', width: 1 } },
      { task: bare, options: { id: 'mine' } },
      { task: 'by.name', input: 3 },
    ])
    expect(broker.calls).toHaveLength(1)
    expect(handles.map((handle) => handle.id)).toEqual(['id-1', 'mine', 'id-2'])
    expectTypeOf(handles[0]).toEqualTypeOf<TaskHandle<{ bytes: number }>>()
    expectTypeOf(handles[1]).toEqualTypeOf<TaskHandle<number>>()
  })

  test('sends nothing when one of them is wrong', async () => {
    const { broker, client } = setUp()
    const sent = client.sendMany([
      { task: parse, input: { n: '1' } },
      { task: parse, input: { n: 1 as never } },
    ])
    await expect(sent).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(broker.calls).toEqual([])
    expect(await client.sendMany([])).toEqual([])
  })

  test('types a list of one definition, and each of a mixed one', async () => {
    const { client } = setUp()
    const handles = await client.sendMany(['a', 'b'].map((url) => ({ task: resize, input: { url, width: 1 } })))
    expectTypeOf(handles).toEqualTypeOf<TaskHandle<{ bytes: number }>[]>()
    await expect(client.sendMany([{ task: bare, inptu: 1 } as { task: typeof bare }])).rejects.toThrow(
      /option of a request of sendMany \(task, input, options\), got: "inptu"; did you mean `input`\?$/,
    )
    // @ts-expect-error `url` is missing
    await client.sendMany([{ task: resize, input: { width: 1 } }])
  })
})

describe('a handle', () => {
  const failure = { name: 'TypeError', message: 'no such url' }
  const cases: readonly [Omit<TaskResult, 'id'>, string, RegExp][] = [
    [{ state: 'failed', failure, name: 'a' }, 'TASK_FAILED', /task t \(a\) failed: TypeError: no such url/],
    [{ state: 'failed', reason: 'timeout' }, 'TASK_FAILED', /task t failed \(timeout\)/],
    [{ state: 'exception', reason: 'worker-lost', failure }, 'TASK_EXCEPTION', /task t ended as worker-lost: TypeError/],
    [{ state: 'unknown' }, 'TASK_UNKNOWN', /no task has the id "t"/],
    [{ state: 'running' }, 'WAIT_TIMEOUT', /still running/],
  ]

  test.for(cases)('of a task in %o throws %s', async ([result, code, message]) => {
    const { broker, client } = setUp()
    broker.known.set('t', { id: 't', ...result })
    const error = await client
      .task('t')
      .result()
      .catch((thrown: unknown) => thrown)
    expect(LovageError.is(error) && error.code).toBe(code)
    expect(error).toMatchObject({ message: expect.stringMatching(message), failure: result.failure, subject: 't' })
  })

  test('gives the result, the state and the cancellation', async () => {
    const { broker, client } = setUp()
    broker.known.set('t', { id: 't', state: 'completed', result: 5 })
    const handle = client.task<number>('t')
    expect(await handle.result({ timeout: '1s' })).toBe(5)
    expect(await handle.state()).toEqual({ id: 't', state: 'completed', result: 5 })
    expect(await handle.cancel('enough')).toBe(true)
    expect(broker.cancelled).toEqual([[['t'], 'enough']])
    await expect(handle.result({ timout: '1s' } as object)).rejects.toThrow(
      /option of result \(timeout, signal\), got: "timout"; did you mean `timeout`\?$/,
    )
    await expect(handle.result({ timeout: 'soon' })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
  })

  test('is refused for an id that cannot be one', () => {
    expect(() => setUp().client.task('two words')).toThrow(ConfigError)
  })
})

describe('administration', () => {
  test('is refused by a broker that keeps no tasks', async () => {
    const { client } = setUp()
    const calls = [
      client.find({}),
      client.queues(),
      client.workers(),
      client.explain('a'),
      client.retry(['a']),
      client.schedules.list(),
      client.schedules.add({ name: 'a', every: '1m', task: 'b' }),
    ]
    for (const call of calls)
      await expect(call).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('recording') })
  })
})

describe('remote control', () => {
  test('asks only what inspects', async () => {
    const { broker, client } = setUp()
    expect(await client.inspect('active', {}, { timeoutMs: 5 })).toHaveLength(1)
    expect(await client.ping()).toHaveLength(1)
    expect(broker.requests).toEqual([
      ['active', {}, { timeoutMs: 5 }],
      ['ping', {}, undefined],
    ])
    await expect(client.inspect('shutdown')).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('query_task'),
    })
  })

  test('refuses misspelt options, which would reach all workers or find all tasks', async () => {
    const { broker, client } = setUp()
    const request = { destinaton: ['a@b'] } as object
    for (const call of [
      client.ping(request),
      client.inspect('active', {}, request),
      client.controlWorkers('shutdown', {}, request),
    ])
      await expect(call).rejects.toThrow(/option of a request to workers .*did you mean `destination`\?$/)
    await expect(client.find({ statse: ['failed'] } as object)).rejects.toThrow(/option of find .*did you mean `states`\?$/)
    expect(broker.requests).toEqual([])
  })

  test('passes commands on, those of users too', async () => {
    const { broker, client } = setUp()
    await client.controlWorkers('my_own', { level: 3 })
    expect(broker.requests).toEqual([['my_own', { level: 3 }, undefined]])
  })
})

test('ids are UUIDv7s that grow, whatever the clock does', () => {
  const step = fc.integer({ min: -5, max: 5 })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let now = 1_800_000_000_000
      const newId = createNewId({ now: () => now })
      let last = ''
      for (const ahead of steps) {
        now += ahead
        const id = newId()
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(id > last).toBe(true)
        last = id
      }
    }),
  )
  const frozen = createNewId({ now: () => 1_800_000_000_000 })
  const ids = Array.from({ length: 10_000 }, frozen)
  expect(ids).toEqual([...new Set(ids)].sort())
})
