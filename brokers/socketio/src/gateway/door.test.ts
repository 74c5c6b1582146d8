/** The door of a gateway, with real clients: tokens, who may come in without one, limits, and who has to go. */
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ManualClock } from '@lovage/testing'
import type { ManagerOptions, Socket, SocketOptions } from 'socket.io-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type TokenOptions, type WorkerTokens, workerTokens } from '../tokens/worker-tokens.ts'
import { type GatewayWorld, job, openWorld, type Place, stored, type TestWorker, within } from './fixtures/gateway-world.ts'
import { createGateway, type Gateway, type GatewayOptions } from './gateway.ts'

let clock: ManualClock
let world: GatewayWorld
let place: Place
let tokens: WorkerTokens
beforeEach(async () => {
  ;({ clock, world, place } = await openWorld())
  tokens = workerTokens(place.broker)
})
afterEach(() => world.close())

type Connecting = Partial<ManagerOptions & SocketOptions>

function connecting(options: Connecting = {}, url = place.url): TestWorker {
  return world.worker({ url }, { reconnection: false, ...options })
}

const withToken = (token: string): Connecting => ({ auth: { token } })

/** The refusal of its connection. */
function refusalOf({ socket }: { readonly socket: Socket }): Promise<Error & { data?: unknown }> {
  return within(new Promise((resolve) => socket.once('connect_error', resolve)), 'a refusal')
}

const tokenFor = async (options?: TokenOptions): Promise<string> => (await tokens.create(options)).token

describe('a token', () => {
  test('lets a worker in as what it stands for, and operators see by which', async () => {
    const { token, id } = await tokens.create({ ids: ['img-*'], queues: ['a', 'b'] })
    const worker = connecting(withToken(token))
    expect(await worker.registerAs('img-1', { queues: ['a'] })).toMatchObject({ ok: true })
    expect(place.gateway.sessions()).toMatchObject([{ id: 'img-1', token: id }])
    await place.broker.tasks.send([job('t', { queue: 'a' })])
    expect(await worker.task()).toMatchObject({ id: 't' })
  })

  test('is good at every gateway of the store', async () => {
    const other = await world.place({ anonymous: false })
    expect(await connecting(withToken(await tokenFor()), other.url).registerAs('w')).toMatchObject({ ok: true })
  })

  test.each([
    ['another id', 'v', {}, 'expected an id that the token allows (w), got: "v"'],
    ['another queue', 'w', { queues: ['w', 'c'] }, 'expected queues that the token allows (w), got: "c"'],
  ])('for %s is refused at the registration, and gives out nothing', async (_, id, options, message) => {
    await place.broker.tasks.send([job('t', { queue: 'c' }), job('u', { queue: 'v' })])
    const worker = connecting(withToken(await tokenFor({ ids: ['w'] })))
    expect(await worker.registerAs(id, options)).toEqual({ ok: false, code: 'forbidden', message })
    expect(await worker.next('worker.error')).toEqual([message])
    expect(await stored(place, 't')).toMatchObject({ state: 'pending' })
    expect(await worker.registerAs('w')).toMatchObject({ ok: true })
    expect(place.gateway.sessions()).toMatchObject([{ id: 'w', queues: ['w'] }])
  })

  test('tells nothing of tasks in other queues', async () => {
    const owner = await connecting().register('w')
    await place.broker.tasks.send([job('t')])
    await owner.task()
    const thief = connecting(withToken(await tokenFor({ ids: ['*'], queues: ['a'] })))
    await thief.registerAs('w', { queues: ['a'] })
    const done = { success: true, results: 'mine' }
    expect(await thief.ask('worker.task.done', { id: 't', ...done })).toEqual({ ok: false, code: 'unknown' })
    expect(await thief.ask('worker.task.done', { id: 'none', ...done })).toEqual({ ok: false, code: 'unknown' })
    expect(await stored(place, 't')).toMatchObject({ state: 'running' })
  })

  test('for fewer queues than the worker had before leaves it those alone', async () => {
    const before = connecting()
    await before.registerAs('w', { queues: ['a', 'b'] })
    before.cut()
    const after = connecting(withToken(await tokenFor({ ids: ['w'], queues: ['a'] })))
    expect(await after.registerAs('w', { queues: ['a'] })).toMatchObject({ ok: true })
    expect(place.gateway.sessions()).toMatchObject([{ id: 'w', queues: ['a'] }])
    await place.broker.tasks.send([job('t', { queue: 'b' }), job('u', { queue: 'a' })])
    expect(await after.task()).toMatchObject({ id: 'u' })
    expect(await stored(place, 't')).toMatchObject({ state: 'pending' })
  })

  test.each([
    ['that nobody made', () => 'lovage-aaaaaaaa-'.padEnd(59, 'x')],
    ['of another form', () => 'secret'],
    ['that is no text', () => 7],
    ['with another secret', (token: string) => `${token.slice(0, -4)}aaaa`],
  ])('%s is refused', async (_, made) => {
    const refusal = await refusalOf(connecting({ auth: { token: made(await tokenFor()) } }))
    expect(refusal.data).toEqual({ code: 'unauthorized' })
    expect(refusal.message).toMatch(/^expected a token that this server knows, got another one/)
  })

  test('ends at its time: who is in goes, and its tasks are elsewhere at once', async () => {
    const token = await tokenFor({ expires: '20s' })
    const worker = connecting(withToken(token))
    await worker.registerAs('w')
    await place.broker.tasks.send([job('t')])
    await worker.task()
    await clock.advance(20_000)
    expect(await worker.next('worker.error')).toEqual(['the token of this worker has expired'])
    expect(await worker.next('disconnect')).toEqual(['io server disconnect'])
    expect(await connecting().registerAs('v', { queues: ['w'] })).toMatchObject({ ok: true })
    await expect.poll(() => stored(place, 't')).toMatchObject({ run: 1, lost: 1 })
    const refusal = await refusalOf(connecting(withToken(token)))
    expect(refusal.message).toMatch(/got one that expired at 2027-01-01T00:00:20.000Z$/)
  })

  test('that is revoked sends its workers away at once, and no others', async () => {
    const other = await world.place({ events: place.broker.events })
    const { token, id } = await tokens.create()
    const worker = connecting(withToken(token), other.url)
    await worker.registerAs('w')
    const staying = connecting(withToken(await tokenFor()), other.url)
    await staying.registerAs('v')
    await place.broker.tasks.send([job('t')])
    await worker.task()
    await tokens.revoke(id)
    expect(await worker.next('worker.error')).toEqual(['the token of this worker was revoked'])
    expect(await worker.next('disconnect')).toEqual(['io server disconnect'])
    await expect.poll(() => stored(place, 't')).toMatchObject({ state: 'pending', lost: 1 })
    expect((await refusalOf(connecting(withToken(token), other.url))).data).toEqual({ code: 'unauthorized' })
    expect(other.gateway.sessions()).toMatchObject([{ id: 'v' }])
  })

  test('that is revoked without a word is missed within a third of the lease', async () => {
    const { token, id } = await tokens.create()
    const worker = connecting(withToken(token))
    await worker.registerAs('w')
    await clock.advance(10_000)
    await tokens.revoke(id)
    await clock.advance(10_000)
    expect(await worker.next('disconnect')).toEqual(['io server disconnect'])
  })
})

describe('without a token', () => {
  /** A gateway that listens there. */
  async function at<Value>(host: string, options: Partial<GatewayOptions>, use: (url: string) => Promise<Value>): Promise<Value> {
    const { desk, admin } = place.broker
    const server: HttpServer = createServer()
    const gateway: Gateway = createGateway({ server, desk, admin, clock, drain: 0, ...options })
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    try {
      return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    } finally {
      await gateway.close()
      server.closeAllConnections()
      server.close()
    }
  }

  test.each(['0.0.0.0', '::'])('nobody comes in that reaches a server at %s, and the line says what to do', (host) =>
    at(host, {}, async (url) => {
      const refusal = await refusalOf(connecting({}, url))
      expect(refusal.data).toEqual({ code: 'unauthorized' })
      expect(refusal.message).toBe(
        'expected a token, got none, and this server is reached from other machines; give the worker a token of `lovage token create`',
      )
      expect(await connecting(withToken(await tokenFor()), url).registerAs('w')).toMatchObject({ ok: true })
    }),
  )

  test('everybody comes in where that was asked for', () =>
    at('0.0.0.0', { anonymous: true }, async (url) => {
      const extraHeaders = { 'x-forwarded-for': '203.0.113.7' }
      expect(await connecting({ extraHeaders }, url).registerAs('w')).toMatchObject({ ok: true })
      const page = await refusalOf(connecting({ extraHeaders: { origin: 'https://elsewhere.example' } }, url))
      expect(page.data).toEqual({ code: 'unauthorized' })
    }))

  test('nobody comes in where it was forbidden', () =>
    at('127.0.0.1', { anonymous: false }, async (url) => {
      expect((await refusalOf(connecting({}, url))).message).toMatch(/^expected a token, got none; give/)
    }))

  test.each([
    ['x-forwarded-for', '203.0.113.7', /through a proxy/],
    ['forwarded', 'for=203.0.113.7', /through a proxy/],
    ['host', 'queue.example.com', /under the name queue\.example\.com/],
    ['origin', 'https://elsewhere.example', /from a page of https:\/\/elsewhere\.example/],
    ['origin', 'null', /from a page of null/],
  ])('what others send through this machine is refused: %s %s', async (header, value, message) => {
    const extraHeaders = { [header]: value }
    expect((await refusalOf(connecting({ extraHeaders }))).message).toMatch(message)
    // The polling of this client does not let its host be chosen.
    if (header !== 'host') {
      expect((await refusalOf(connecting({ extraHeaders, transports: ['polling'] }))).message).toMatch(message)
    }
    const auth = withToken(await tokenFor())
    expect(await connecting({ extraHeaders, ...auth }).registerAs('w')).toMatchObject({ ok: true })
  })

  test('a page of this machine comes in', async () => {
    const extraHeaders = { origin: 'http://localhost:5173' }
    expect(await connecting({ extraHeaders }).registerAs('w')).toMatchObject({ ok: true })
  })
})

describe('an admission of one’s own', () => {
  test('decides in place of tokens, and is asked with what the worker shows', async () => {
    const { url } = await world.place({
      admit: ({ token, address, headers }) =>
        token === 'open' && address === '127.0.0.1' && headers['user-agent'] === 'test'
          ? { pass: { ids: ['w'], queues: ['*'] } }
          : { refusal: { code: 'forbidden', message: 'closed', retryAfterMs: 7 } },
    })
    const extraHeaders = { 'user-agent': 'test' }
    const refusal = await refusalOf(connecting({ auth: { token: await tokenFor() }, extraHeaders }, url))
    expect(refusal).toMatchObject({ message: 'closed', data: { code: 'forbidden', retryAfterMs: 7 } })
    const worker = connecting({ auth: { token: 'open' }, extraHeaders }, url)
    expect(await worker.registerAs('v')).toMatchObject({ code: 'forbidden' })
  })

  test('that fails lets nobody in, for now', async () => {
    const { url } = await world.place({ admit: () => Promise.reject(new RangeError('no database')) })
    const refusal = await refusalOf(connecting({}, url))
    expect(refusal).toMatchObject({ message: /cannot check/, data: { code: 'server-full', retryAfterMs: 7500 } })
    expect(refusal.message).not.toContain('database')
  })
})

describe('limits', () => {
  test('of workers: one more is told when to try again, and comes in when one has gone', async () => {
    const { url } = await world.place({ maxWorkers: 1 })
    const first = connecting({}, url)
    await first.registerAs('w')
    const second = connecting({}, `${url}/workers`)
    const refusal = await refusalOf(second)
    expect(refusal.data).toEqual({ code: 'server-full', retryAfterMs: 7500 })
    expect(refusal.message).toBe('expected at most 1 workers at this server, got one more; try again later')
    await first.ask('worker.leave')
    second.socket.connect()
    expect(await second.registerAs('v')).toMatchObject({ ok: true })
  })

  test.each(['polling', 'websocket'])('of connects from one address, over %s', async (transport) => {
    const { url } = await world.place({ connectRate: 1 })
    const options = { transports: [transport] }
    for (let i = 0; i < 20; i++) await connecting(options, url).registerAs(`w${i}`)
    const late = connecting(options, url)
    await refusalOf(late)
    // The library comes back from this by itself.
    expect(late.socket.active).toBe(true)
    await clock.advance(1000)
    late.socket.connect()
    expect(await late.registerAs('v')).toMatchObject({ ok: true })
  })

  test('of attempts on one connection: it is closed in the end', async () => {
    const raw = connecting()
    await raw.next('connect')
    const closed = within(new Promise((resolve) => raw.socket.io.engine.once('close', resolve)), 'the end of the connection')
    // CONNECT packets to the other namespace, as no client of the library would send them.
    for (let i = 0; i < 10; i++) raw.socket.io.engine.write('0/workers,{"token":"wrong"}')
    expect(await closed).toBe('transport close')
  })

  test('of what is logged of those who come again and again', async () => {
    const lines: unknown[] = []
    const logger = { debug() {}, info() {}, warn: (facts: object) => void lines.push(facts), error() {} }
    const { url } = await world.place({ anonymous: false, logger })
    for (let i = 0; i < 12; i++) await refusalOf(connecting({}, url))
    expect(lines).toHaveLength(10)
    expect(lines[0]).toMatchObject({ address: '127.0.0.1', reason: expect.stringMatching(/^expected a token/) })
    await clock.advance(10_000)
    await refusalOf(connecting({}, url))
    expect(lines).toHaveLength(11)
  })

  test('of the time that a registration takes', async () => {
    const worker = connecting()
    await worker.next('connect')
    const registered = await connecting().register('w')
    worker.socket.emit('worker.connect', 'two words')
    await worker.next('worker.error')
    await clock.advance(9999)
    expect(worker.count('disconnect')).toBe(0)
    await clock.advance(1)
    expect(await worker.next('worker.error')).toEqual(['expected worker.connect within 10 s, got none; the connection is closed'])
    expect(await worker.next('disconnect')).toEqual(['transport close'])
    expect(registered.socket.connected).toBe(true)
  })

  test.each([
    [{ maxWorkers: 0 }, /expected `maxWorkers` to be a whole number from 1, got: 0/],
    [{ connectRate: 0.5 }, /expected `connectRate`/],
    [{ registerWithin: 'soon' }, /registerWithin/],
  ])('of %j are refused', (options, message) => {
    const { desk, admin } = place.broker
    expect(() => createGateway({ server: createServer(), desk, admin, ...options })).toThrow(message)
  })
})
