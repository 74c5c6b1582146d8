/** Definitions: what is checked, what is kept, and what the types tell senders and handlers. */
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  type AnyTask,
  defineTask,
  isTaskDefinition,
  type TaskContext,
  type TaskDefinition,
  type TaskOptions,
} from './definition.ts'

const run = () => 1

describe('defineTask', () => {
  test('has defaults', () => {
    expect(defineTask({ name: 'plain', run })).toMatchObject({
      kind: 'lovage.task',
      name: 'plain',
      queue: 'default',
      priority: 4,
      lostLimit: 5,
      retry: { limit: 3, backoff: 'exponential', delayMs: 1000 },
      timeoutMs: undefined,
      softTimeoutMs: undefined,
      rateLimit: undefined,
      params: undefined,
    })
  })

  test('keeps what was said, as numbers', () => {
    const schema = z.object({})
    const options = { queue: 'slow', priority: 'low', lostLimit: 0, rateLimit: '10/m', params: ['a', 'b'] } as const
    expect(defineTask({ name: 'rich', ...options, input: schema, timeout: '2m', softTimeout: '90s', run })).toMatchObject({
      queue: 'slow',
      priority: 3,
      lostLimit: 0,
      rateLimit: '10/m',
      params: ['a', 'b'],
      input: schema,
      timeoutMs: 120_000,
      softTimeoutMs: 90_000,
    })
  })

  test('takes an instance of a class, with what else it keeps for itself', () => {
    class Counter {
      readonly name = 'counter'
      seen = 0
      run(): number {
        return ++this.seen
      }
    }
    expect(defineTask(new Counter()).run(undefined as never, {} as TaskContext)).toBe(1)
  })

  test('lets a handler see its own options', () => {
    const options = {
      name: 'self',
      run(this: { name: string }) {
        return this.name
      },
    }
    expect(defineTask(options).run(undefined as never, {} as TaskContext)).toBe('self')
  })

  test.each<[object, string]>([
    [{ name: 'a b' }, '[name invalid] expected the task name to be 1 to 200 characters without spaces, got: "a b"'],
    [{ name: undefined }, '[name invalid] expected the task name'],
    [{ run: 'now' }, '[definition invalid] expected `run` of task t to be a function, got: "now"'],
    [{ key: 'id' }, '[definition invalid] expected `key` of task t to be a function of the input, got: "id"'],
    [{ input: { url: 'string' } }, '[definition invalid] expected `input` of task t to be a Standard Schema'],
    [
      { output: null },
      '[definition invalid] expected `output` of task t to be a Standard Schema (zod, valibot, arktype, ...), got: null',
    ],
    [{ retry: 3 }, '[option invalid] expected `retry` to be an object such as { limit: 5 }, got: 3'],
    [
      { retires: 3 },
      '[option invalid] expected an option of task t (name, input, output, retry, timeout, softTimeout, lostLimit, priority, queue, key, rateLimit, params, run), got: "retires"; did you mean `retry`?',
    ],
    [
      { retry: { limt: 3 } },
      '[option invalid] expected an option of `retry` (limit, backoff, delay, maxDelay, jitter), got: "limt"; did you mean `limit`?',
    ],
    [{ lostLimit: -1 }, '[option invalid] expected `lostLimit` to be a whole number from 0, got: -1'],
    [{ lostLimit: '5' }, '[option invalid] expected `lostLimit` to be a whole number from 0, got: "5"'],
    [{ priority: 'urgent' }, '[option invalid] expected `priority` to be one of highest, very-high,'],
    [{ priority: Symbol('p') }, 'low, very-low, lowest, got: Symbol(p)'],
    [{ queue: '' }, '[name invalid] expected the queue name'],
    [{ timeout: 'long' }, '[duration invalid] expected `timeout` to be'],
    [{ timeout: 0 }, '[option invalid] expected `timeout` to be longer than 0; leave it out for no limit, got: 0'],
    [{ softTimeout: '0s' }, '[option invalid] expected `softTimeout` to be longer than 0; leave it out for no limit, got: "0s"'],
    [
      { timeout: '1m', softTimeout: '60s' },
      '[definition invalid] expected `softTimeout` of task t to be shorter than its `timeout` (60000 ms), got: "60s"',
    ],
    [{ rateLimit: 'fast' }, '[option invalid] expected `rateLimit` to be runs per second'],
    [{ params: 'url' }, '[option invalid] expected `params` to be a list of different names, got: "url"'],
    [{ params: ['a', 'a'] }, '[option invalid] expected `params` to be a list of different names, got: ["a","a"]'],
    [{ params: ['a', ''] }, '[option invalid] expected `params` to be a list of different names, got: ["a",""]'],
    [{ params: [1] }, '[option invalid] expected `params` to be a list of different names, got: [1]'],
  ])('refuses %o', (change, message) => {
    expect(() => defineTask({ name: 't', run, ...change } as TaskOptions<unknown, unknown, unknown>)).toThrow(message)
  })

  test('refuses what is no object', () => {
    expect(() => defineTask(undefined as never)).toThrow(
      '[definition invalid] expected a task definition to be an object, got: undefined',
    )
  })
})

test('isTaskDefinition goes by the mark', () => {
  expect(isTaskDefinition(defineTask({ name: 't', run }))).toBe(true)
  expect(isTaskDefinition({ kind: 'lovage.task' })).toBe(true)
  for (const value of [undefined, null, 'lovage.task', {}, () => 1]) expect(isTaskDefinition(value)).toBe(false)
})

describe('the types', () => {
  test('take Sent, Input and Output from a schema', () => {
    const resize = defineTask({
      name: 'images.resize',
      input: z.object({ url: z.url(), width: z.string().transform(Number), format: z.enum(['png', 'webp']).default('webp') }),
      retry: { limit: 5, backoff: 'exponential', delay: '10s' },
      timeout: '2m',
      key: (input) => {
        expectTypeOf(input.width).toEqualTypeOf<string>()
        return input.url
      },
      async run(input, context) {
        expectTypeOf(input).toEqualTypeOf<{ url: string; width: number; format: 'png' | 'webp' }>()
        expectTypeOf(context).toEqualTypeOf<TaskContext>()
        return { bytes: input.width }
      },
    })
    expectTypeOf(resize).toEqualTypeOf<
      TaskDefinition<{ url: string; width: string; format?: 'png' | 'webp' | undefined }, { bytes: number }>
    >()
  })

  test("without a schema, senders give what the handler's parameter says", () => {
    const add = defineTask({ name: 'add', run: ({ a, b }: { a: number; b: number }) => a + b })
    expectTypeOf(add).toEqualTypeOf<TaskDefinition<{ a: number; b: number }, number>>()
  })

  test('without any type, anything may be sent', () => {
    const free = defineTask({ name: 'free', run: (input) => input })
    expectTypeOf(free).toEqualTypeOf<TaskDefinition<unknown, unknown>>()
    expectTypeOf(defineTask({ name: 'none', run: async () => 'done' })).toEqualTypeOf<TaskDefinition<unknown, string>>()
  })

  test('hold the handler to the output schema', () => {
    // @ts-expect-error the handler returns a text where the schema says number
    defineTask({ name: 'wrong', output: z.object({ bytes: z.number() }), run: () => ({ bytes: 'many' }) })
    const right = defineTask({ name: 'right', output: z.object({ bytes: z.number() }), run: () => ({ bytes: 1 }) })
    expectTypeOf(right).toEqualTypeOf<TaskDefinition<unknown, { bytes: number }>>()
  })

  test('say what arrives of a result after JSON', () => {
    const dated = defineTask({ name: 'dated', run: async () => ({ at: new Date(0), note: undefined, n: 1 }) })
    expectTypeOf(dated).toEqualTypeOf<TaskDefinition<unknown, { at: string; n: number }>>()
    const parsed = defineTask({ name: 'parsed', output: z.object({ at: z.date() }), run: () => ({ at: new Date(0) }) })
    expectTypeOf(parsed).toEqualTypeOf<TaskDefinition<unknown, { at: string }>>()
    expectTypeOf(defineTask({ name: 'big', run: () => 10n })).toEqualTypeOf<TaskDefinition<unknown, never>>()
    expectTypeOf(defineTask({ name: 'none', run: () => {} })).toEqualTypeOf<TaskDefinition<unknown, void>>()
    expectTypeOf(defineTask({ name: 'maybe', run: (n: number) => (n > 0 ? n : undefined) })).toEqualTypeOf<
      TaskDefinition<number, number | null>
    >()
  })

  test('know every option', () => {
    // @ts-expect-error `timout` is no option
    expect(() => defineTask({ name: 'typo', timout: '1s', run })).toThrow('[option invalid]')
    // @ts-expect-error `urgent` is no priority
    expect(() => defineTask({ name: 'urgent', priority: 'urgent', run })).toThrow('[option invalid]')
  })

  test('let any definition be one of many', () => {
    const resize = defineTask({ name: 'resize', input: z.object({ url: z.string() }), run: () => 1 })
    const add = defineTask({ name: 'add', run: (input: { a: number }) => input.a })
    const all: readonly AnyTask[] = [resize, add]
    expect(all.map(({ name }) => name)).toEqual(['resize', 'add'])
  })

  test("hold what a handler sends to the other task's input", () => {
    const add = defineTask({ name: 'add', run: (input: { a: number }) => input.a })
    defineTask({
      name: 'caller',
      async run(_input, context) {
        expectTypeOf(
          await context.send(add, { a: 1 }, { delay: '7 days', priority: 'high', key: 'user-1' }),
        ).toEqualTypeOf<string>()
        await context.send('of.another.language', ['anything'])
        // @ts-expect-error `b` is not what `add` takes
        await context.send(add, { b: 1 })
        // @ts-expect-error a text is no number
        await context.send(add, { a: '1' })
        // @ts-expect-error `dealy` is no option
        await context.send(add, { a: 1 }, { dealy: '7 days' })
        context.progress(0.5, { file: 'a' })
        context.log.info('half way')
        if (context.signal.aborted) context.cancel('enough')
        return context.retry({ delay: '1m' })
      },
    })
  })
})
