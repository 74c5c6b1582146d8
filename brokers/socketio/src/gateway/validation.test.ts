/** Inputs that do not fit the schema of a worker or of a task are refused before a worker sees them. */
import { defineTask } from '@lovage/core'
import type { ManualClock } from '@lovage/testing'
import { Worker } from '@lovage/worker'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSocketBroker } from '../worker-broker/socket-broker.ts'
import { type GatewayWorld, job, l1, openWorld, type Place, stored, within } from './fixtures/gateway-world.ts'

let clock: ManualClock
let world: GatewayWorld
let place: Place

beforeEach(async () => {
  ;({ clock, world, place } = await openWorld())
})

afterEach(() => world.close())

const schema = {
  type: 'object',
  properties: { width: { type: 'integer', minimum: 1 }, format: { enum: ['png', 'webp'] } },
  required: ['width'],
  additionalProperties: false,
}

/** What became of a task that no worker may see. */
async function refusal(id: string): Promise<string | undefined> {
  const result = await within(place.broker.results.wait(id), `the end of ${id}`)
  expect(result).toMatchObject({ state: 'exception', reason: 'malformed-payload' })
  return (await stored(place, id)).failure?.message
}

describe('the schema that a worker registers', () => {
  test.each([
    [{}, 'expected `input` to have `width`, got: {}'],
    [{ width: '320' }, 'expected `input.width` to be a whole number, got: "320"'],
    [{ width: 0 }, 'expected `input.width` to be at least 1, got: 0'],
    [{ width: 1, format: 'gif' }, 'expected `input.format` to be "png" | "webp", got: "gif"'],
    [{ width: 1, heigth: 2 }, 'expected no `input.heigth`, got: 2'],
  ])('keeps %j from it, and the task says why', async (input, reason) => {
    const worker = world.worker(place)
    await worker.registerAs('w', { input: schema })
    await place.broker.tasks.send([job('bad', { input }), job('good', { input: { width: 320, format: 'png' } })])
    expect(await refusal('bad')).toBe(reason)
    expect(await worker.task()).toMatchObject({ id: 'good', properties: { width: 320 } })
    expect(place.gateway.sessions()).toMatchObject([{ running: ['good'] }])
    expect(place.gateway.sessions()[0]?.paused).toBeUndefined()
  })

  test.each([
    ['refers to other places', { $ref: 'https://example.org/schema.json' }],
    ['contradicts itself', { $id: 'https://[', properties: {} }],
  ])('that %s is not used, and the worker hears of it', async (_, input) => {
    const worker = world.worker(place)
    await worker.registerAs('w', { input })
    expect((await worker.next('worker.error'))[0]).toMatch(/^your tasks are not checked by this server: expected the schema/)
    await place.broker.tasks.send([job('a', { input: { any: 1 } })])
    expect((await worker.task()).id).toBe('a')
  })

  test('that is too large keeps it out', async () => {
    const answer = await world.worker(place).registerAs('w', { input: { description: 'x'.repeat(70_000) } })
    expect(answer).toMatchObject({
      ok: false,
      code: 'bad-request',
      message: expect.stringMatching(/^expected `input` to be at most 65536 characters/),
    })
  })

  const doubling = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => {
      const next = { $ref: `#/$defs/d${index + 1}` }
      return [`d${index}`, { allOf: [next, next] }]
    }),
  )
  test.each<[string, object, object]>([
    ['has a pattern that tries everything', { properties: { name: { pattern: '^(a+)+$' } } }, { name: `${'a'.repeat(60)}b` }],
    ['refers to itself for ever', { $ref: '#' }, {}],
    ['refers to itself for ever, twice', { allOf: [{ $ref: '#' }, { $ref: '#' }] }, {}],
    ['doubles with each reference', { $ref: '#/$defs/d0', $defs: { ...doubling, d60: { not: {} } } }, {}],
    [
      'compares everything with everything',
      { properties: { list: { uniqueItems: true } } },
      { list: Array.from({ length: 100_000 }, (_, index) => index) },
    ],
    ['has keywords of the wrong type', { required: 5, properties: 7, enum: {} }, {}],
    ['wants a format that is none', { properties: { name: { format: '__proto__' } } }, { name: 'x' }],
  ])('that %s holds nobody up: its tasks go on unchecked', async (_, input, properties) => {
    const [worker, other] = [world.worker(place), world.worker(place)]
    await worker.registerAs('w', { input, capacity: 10 })
    await other.registerAs('other', { input: schema })
    const hostile = ['a', 'b', 'c', 'd'].map((id) => job(id, { input: properties }))
    await place.broker.tasks.send([...hostile, job('e', { queue: 'other', input: { width: 1 } })])
    expect((await other.task()).id).toBe('e')
    const seen = [await worker.task(), await worker.task(), await worker.task(), await worker.task()]
    expect(seen.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('holds for names that no Unicode text has, whoever sends them', async () => {
    const worker = world.worker(place)
    await worker.registerAs('w', { input: { additionalProperties: { type: 'string' } } })
    await place.broker.tasks.send([job('bad', { input: { '\ud800': 1 } }), job('bad too', { input: { b: 1 } })])
    expect(await refusal('bad')).toMatch(/Unicode/)
    expect(await refusal('bad too')).toMatch(/^expected `input.b` to be a text, got: 1/)
  })
})

describe('the schema that a task definition publishes', () => {
  /** A worker of the same queue system that knows the task, and takes none here. */
  async function publish(name: string, ...schemas: readonly unknown[]): Promise<void> {
    for (const [index, published] of schemas.entries()) {
      const options = { worker: `p${index}@host`, queues: ['elsewhere'], prefetch: 1, tasks: [{ name, schema: published }] }
      await place.broker.tasks.consume(options, { deliver() {}, revoke() {}, error() {} })
    }
  }

  test('holds for every worker that gets the task', async () => {
    await publish('job', schema)
    const worker = await world.worker(place).register('w')
    await place.broker.tasks.send([job('bad'), job('other', { name: 'other', input: { any: 1 } })])
    expect(await refusal('bad')).toBe('expected `input` to have `width`, got: {"of":"bad"}; so says the schema of job')
    expect((await worker.task()).id).toBe('other')
  })

  test('is known a few seconds after it is there, and refuses nothing any more as soon as workers disagree', async () => {
    const worker = world.worker(place)
    await worker.registerAs('w', { ...l1, capacity: 10 })
    await place.broker.tasks.send([job('a')])
    expect((await worker.task()).id).toBe('a')
    await publish('job', schema)
    await clock.advance('5s')
    await place.broker.tasks.send([job('bad')])
    await refusal('bad')
    await publish('job', { type: 'object' })
    await clock.advance('200ms')
    await place.broker.tasks.send([job('b')])
    expect((await worker.task()).id).toBe('b')
  })
})

test('a whole Worker behind the gateway is given what its own schema takes, arguments included', async () => {
  const client = await createSocketBroker({ url: place.url })
  const seen: unknown[] = []
  const resize = defineTask({
    name: 'resize',
    input: z.object({ width: z.int() }),
    params: ['width'],
    run: (input) => void seen.push(input),
  })
  const worker = new Worker({ broker: client, tasks: [resize], queues: ['w'] })
  await worker.start()
  const input = { name: 'resize', input: undefined }
  await place.broker.tasks.send([
    job('bad', { name: 'resize', input: { width: 'wide' } }),
    job('bad too', { ...input, kwargs: { width: 0.5 } }),
    job('good', { name: 'resize', input: { width: 1 } }),
    job('good too', { ...input, args: [2] }),
  ])
  expect(await refusal('bad')).toBe('expected `input.width` to be a whole number, got: "wide"; so says the schema of resize')
  expect(await refusal('bad too')).toMatch(/^expected `input.width` to be a whole number, got: 0.5/)
  for (const id of ['good', 'good too']) await within(place.broker.results.wait(id), `the end of ${id}`)
  expect(seen).toEqual([{ width: 1 }, { width: 2 }])
  await worker.stop()
  await client.close()
})
