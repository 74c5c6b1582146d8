/** The schema of a worker: who checks by it, and who hears of what it finds. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { give, type ScriptedServer, scriptedServer } from '../fixtures/scripted-server.ts'
import { GatewayWorld, job, stored, within } from '../gateway/fixtures/gateway-world.ts'
import { createWorkers } from './fleet.ts'
import type { WorkerItem } from './item.ts'
import type { AnyProperties, ItemOptions } from './item-options.ts'

const workers = createWorkers()
let open: WorkerItem[] = []
let server: ScriptedServer

beforeEach(async () => {
  server = await scriptedServer()
})
afterEach(async () => {
  await Promise.all(open.map((worker) => worker.close()))
  open = []
  await server.close()
})

function start<Properties extends object = AnyProperties>(
  options: Omit<ItemOptions<Properties>, 'id' | 'host'>,
  host = server.url,
): void {
  open.push(workers.Item({ id: 'w', host, shutdown: { signals: [], graceMs: 1 }, ...options }))
}

const width = z.object({ width: z.coerce.number().min(1), format: z.enum(['png', 'webp']).default('png') })
const widthJson = { type: 'object', properties: { width: { type: 'number', minimum: 1 } }, required: ['width'] }
const late = z.object({ name: z.string() }).refine(async ({ name }) => name !== 'nobody', { message: 'nobody is refused' })

describe('a worker with a schema of a library', () => {
  it('tells the server of it, and its handler gets what the schema makes of the properties', async () => {
    start({ input: width, onTask: ({ width, format }) => `${width + 1} ${format}` })
    const { socket, options } = await server.welcome()
    expect(options.input).toMatchObject({ type: 'object', properties: { format: { enum: ['png', 'webp'] } } })
    expect(await give(socket, { id: 't1', properties: { width: '320' } })).toEqual({ accepted: true })
    expect((await server.next('worker.task.done')).args).toMatchObject([{ results: '321 png' }])
  })

  it('declines what the schema refuses, says why to its user, too, and is free for the next', async () => {
    const errors: string[] = []
    start({ input: late, onError: (message) => errors.push(message), onTask: ({ name }) => name })
    const { socket } = await server.welcome()
    const message = '[input invalid] expected the input of worker w to satisfy its schema, got: nobody is refused'
    const answer = await give(socket, { id: 't1', properties: { name: 'nobody' } })
    expect(answer).toEqual({ accepted: false, code: 'invalid', message })
    expect(errors).toEqual([`task t1 was refused: ${message}`])
    expect(await give(socket, { id: 't2', properties: { name: 'Ada' } })).toEqual({ accepted: true })
    expect((await server.next('worker.task.done')).args).toMatchObject([{ id: 't2', results: 'Ada' }])
  })

  it('says nothing of a task that the server took back during the check', async () => {
    let check = (_: boolean): void => {}
    const checking = new Promise<boolean>((done) => {
      check = done
    })
    const begun: unknown[] = []
    start({ input: z.object({}).refine(() => checking), capacity: 2, onTask: (_, __, ___, { attempt }) => begun.push(attempt) })
    const { socket } = await server.welcome()
    const first = give(socket, { id: 't1' })
    const lease = { id: 'another', expires: new Date(Date.now() + 60_000).toISOString(), heartbeatMs: 20_000 }
    const second = give(socket, { id: 't1', attempt: 2, lease })
    // An answer of the socket's own tells that both have arrived.
    expect(await give(socket, { id: 't2', properties: 5 as never })).toMatchObject({ accepted: false, code: 'invalid' })
    check(true)
    expect(await second).toEqual({ accepted: true })
    expect((await server.next('worker.task.done')).args).toMatchObject([{ id: 't1', lease: 'another' }])
    expect(begun).toEqual([2])
    void first.catch(() => {})
  })

  it('is checked by itself alone, where the schema has no JSON Schema', async () => {
    start({ input: z.object({ at: z.date().optional() }), onTask: () => 1 })
    const { socket, options } = await server.welcome()
    expect(options).not.toHaveProperty('input')
    expect(await give(socket, { id: 't1', properties: { at: 'now' } })).toMatchObject({ accepted: false, code: 'invalid' })
  })
})

describe('a worker with a JSON Schema', () => {
  it('tells the server of it as it is, and checks by it', async () => {
    start({ input: widthJson, onTask: ({ width }) => width })
    const { socket, options } = await server.welcome()
    expect(options.input).toEqual(widthJson)
    const message = '[input invalid] expected `input.width` to be a number, got: "320"'
    const answer = await give(socket, { id: 't1', properties: { width: '320' } })
    expect(answer).toEqual({ accepted: false, code: 'invalid', message })
  })

  it('says nothing to a server of L0 of what it refuses', async () => {
    const errors: string[] = []
    start({ input: widthJson, onError: (message) => errors.push(message), onTask: ({ width }) => width })
    const socket = await server.admit()
    socket.emit('worker.task', { id: 't1', properties: {} })
    socket.emit('worker.task', { id: 't2', properties: { width: 1 } })
    expect((await server.next('worker.task.done')).args).toEqual([{ id: 't2', success: true, results: 1 }])
    expect(server.unread('worker.task.fail')).toBe(0)
    expect(errors).toEqual(['task t1 was refused: [input invalid] expected `input` to have `width`, got: {}'])
  })

  it.each([[5], [[]], [{ $ref: 'https://example.org/' }], [{ $id: 'https://[' }]])('is refused when it is none: %j', (input) => {
    const options = { id: 'w', host: server.url, input } as unknown as ItemOptions<object>
    expect(() => workers.Item(options)).toThrow(/expected `input` to be a Standard Schema or a JSON Schema: expected the schema/)
  })
})

it('at a gateway of ours never sees what its schema refuses', async () => {
  const world = new GatewayWorld()
  try {
    const place = await world.place()
    const seen: unknown[] = []
    start({ input: width, onTask: (properties) => seen.push(properties) }, place.url)
    await place.broker.tasks.send([job('bad', { input: { width: 1, format: 'gif' } }), job('good', { input: { width: 2 } })])
    const ends = ['bad', 'good'].map((id) => within(place.broker.results.wait(id), `the end of ${id}`))
    expect(await Promise.all(ends)).toMatchObject([
      { state: 'exception', reason: 'malformed-payload' },
      { state: 'completed', result: 1 },
    ])
    expect((await stored(place, 'bad')).failure?.message).toMatch(/^expected `input.format` to be "png" \| "webp", got: "gif"/)
    expect(seen).toEqual([{ width: 2, format: 'png' }])
  } finally {
    await Promise.all(open.map((worker) => worker.close()))
    await world.close()
  }
})
