import { type AnyTask, type DeliveredMessage, defineTask, TaskError } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Abort } from './abort.ts'
import { execute } from './execute.ts'
import type { JobEnd, JobHooks } from './pool.ts'

const hooks: JobHooks = {
  progress() {},
  log() {},
  send: async () => 'sent',
  dependencies: async () => [],
}

function message(fields: Partial<DeliveredMessage> = {}): DeliveredMessage {
  return { id: 't1', name: 'a', queue: 'default', priority: 4, run: 0, retries: 0, lost: 0, sentAt: 0, ...fields }
}

function run(definition: unknown, fields: Partial<DeliveredMessage> = {}, over: Partial<JobHooks> = {}): Promise<JobEnd> {
  return execute(definition as AnyTask, { message: message(fields), worker: 'w@h' }, { ...hooks, ...over }, new Abort())
}

describe('execute', () => {
  it('gives the handler its input and answers what it returns', async () => {
    const task = defineTask({ name: 'a', run: (input: { n: number }) => input.n + 1 })
    expect(await run(task, { input: { n: 1 } })).toEqual({ type: 'returned', value: 2 })
  })

  it('gives the schema output to the handler, and calls an input that does not fit invalid', async () => {
    const task = defineTask({ name: 'a', input: z.object({ n: z.coerce.number() }), run: ({ n }) => n })
    expect(await run(task, { input: { n: '7' } })).toEqual({ type: 'returned', value: 7 })
    expect(await run(task, { input: { n: 'x' } })).toMatchObject({ type: 'invalid', failure: { code: 'INPUT_INVALID' } })
  })

  it('does not take an invalid input of another task for its own', async () => {
    const other = defineTask({ name: 'b', input: z.number(), run: () => {} })
    const task = defineTask({ name: 'a', run: (_, { send }) => send(other, 'x' as never) })
    expect(await run(task)).toMatchObject({ type: 'threw', failure: { code: 'INPUT_INVALID' } })
  })

  it('refuses transactions where handlers are apart from the worker', async () => {
    const task = defineTask({ name: 'a', run: (_, { within }) => within({}).complete(1) })
    expect(await run(task)).toMatchObject({ type: 'threw', failure: { code: 'UNSUPPORTED' } })
  })

  it('tells an output that does not fit from a handler that throws', async () => {
    const task = defineTask({ name: 'a', output: z.string(), run: () => 1 as never })
    expect(await run(task)).toMatchObject({ type: 'misfit', failure: { code: 'OUTPUT_INVALID' } })
    const error = new TaskError('OUTPUT_INVALID', 'of another task')
    const other = defineTask({ name: 'a', output: z.string(), run: () => Promise.reject(error) })
    expect(await run(other)).toMatchObject({ type: 'threw', failure: { code: 'OUTPUT_INVALID' } })
  })

  it('does not begin what was stopped while its input was looked at', async () => {
    const abort = new Abort()
    const stop = new RangeError('stopped')
    let began = false
    const input = z.number().refine(async () => {
      await Promise.resolve()
      abort.abort(stop)
      return true
    })
    const task = defineTask({ name: 'a', input, run: () => (began = true) }) as unknown as AnyTask
    const end = await execute(task, { message: message({ input: 1 }), worker: 'w@h' }, hooks, abort)
    expect([end, began]).toMatchObject([{ type: 'threw', failure: { name: 'RangeError', message: 'stopped' } }, false])
  })

  it('turns anything thrown into a failure', async () => {
    const error = defineTask({ name: 'a', run: () => Promise.reject(new TypeError('no')) })
    expect(await run(error)).toMatchObject({ type: 'threw', failure: { name: 'TypeError', message: 'no' } })
    const text = defineTask({
      name: 'a',
      run() {
        throw 'text'
      },
    })
    expect(await run(text)).toMatchObject({ type: 'threw', failure: { message: 'text' } })
  })

  it('carries context.retry and context.cancel, destructured or not', async () => {
    const retry = defineTask({ name: 'a', run: (_, { retry }) => retry({ delay: '10s', cause: new RangeError('later') }) })
    expect(await run(retry)).toMatchObject({ type: 'retry', delayMs: 10_000, failure: { name: 'RangeError' } })
    const cancel = defineTask({ name: 'a', run: async (_, context) => context.cancel('no use') })
    expect(await run(cancel)).toEqual({ type: 'cancel', message: 'no use' })
  })

  it('binds positional and named arguments to params', async () => {
    const task = defineTask({ name: 'a', params: ['url', 'width'], run: (input: unknown) => input })
    expect(await run(task, { args: ['u'], kwargs: { width: 2 } })).toEqual({ type: 'returned', value: { url: 'u', width: 2 } })
    expect(await run(task, { args: [1, 2, 3] })).toMatchObject({ type: 'invalid' })
    expect(await run(task, { args: ['u'], kwargs: { url: 'v' } })).toMatchObject({ type: 'invalid' })
  })

  it('takes null for no input, as JSON does, unless the schema wants null', async () => {
    const bare = defineTask({ name: 'a', run: (input: unknown = 'none') => input })
    expect(await run(bare, { input: null })).toEqual({ type: 'returned', value: 'none' })
    const params = defineTask({ name: 'a', params: ['n'], run: (input: unknown) => input })
    expect(await run(params, { input: null, args: [1] })).toEqual({ type: 'returned', value: { n: 1 } })
    const optional = defineTask({ name: 'a', input: z.object({}).optional(), run: (input) => input === undefined })
    expect(await run(optional, { input: null })).toEqual({ type: 'returned', value: true })
    const nullable = defineTask({ name: 'a', input: z.string().nullable(), run: (input) => input })
    expect(await run(nullable, { input: null })).toEqual({ type: 'returned', value: null })
    const strict = defineTask({ name: 'a', input: z.number(), run: () => {} })
    expect(await run(strict, { input: null })).toMatchObject({ type: 'invalid', failure: { code: 'INPUT_INVALID' } })
  })

  it('leaves arguments without params in the context', async () => {
    const task = defineTask({ name: 'a', run: (input: unknown, { args }) => ({ input, args }) })
    expect(await run(task, { args: [1] })).toEqual({ type: 'returned', value: { input: undefined, args: [1] } })
    expect(await run(task, { kwargs: { n: 1 } })).toEqual({ type: 'returned', value: { input: { n: 1 }, args: [] } })
  })

  it('fires a signal that was read before or after the abort', async () => {
    const abort = new Abort()
    const task = defineTask({
      name: 'a',
      async run(_, { signal }) {
        abort.abort(new RangeError('stop'))
        return (signal.reason as Error).message
      },
    })
    expect(await execute(task as unknown as AnyTask, { message: message(), worker: 'w@h' }, hooks, abort)).toEqual({
      type: 'returned',
      value: 'stop',
    })
    expect(abort.signal.aborted).toBe(true)
  })

  it('sends with the policy of the definition under the options of the sender', async () => {
    const sent: unknown[] = []
    const other = defineTask({
      name: 'b',
      queue: 'slow',
      priority: 'high',
      retry: { limit: 1 },
      key: (n: number) => `k${n}`,
      run() {},
    })
    const task = defineTask({ name: 'a', run: (_, { send }) => send(other, 3, { queue: 'fast' }) })
    await run(task, {}, { send: async (...call) => String(sent.push(call)) })
    expect(sent).toEqual([['b', 3, { queue: 'fast', priority: 'high', retryLimit: 1, lostLimit: 5, key: 'k3' }]])
  })
})
