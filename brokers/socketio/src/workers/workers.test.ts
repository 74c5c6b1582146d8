import { once } from 'node:events'
import type { Socket } from 'socket.io'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { give, type Heard, type ScriptedServer, scriptedServer } from '../fixtures/scripted-server.ts'
import { createWorkers } from './fleet.ts'
import { Item, type WorkerItem } from './item.ts'
import type { AnyProperties, ItemOptions } from './item-options.ts'
import type { Resolve, TaskContext } from './task-handler.ts'

const workers = createWorkers()
const closing: (() => Promise<void>)[] = []
let server: ScriptedServer

beforeEach(async () => {
  server = await serve()
})

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

async function serve(guard?: (socket: Socket) => Error | undefined): Promise<ScriptedServer> {
  const each = await scriptedServer(guard)
  closing.unshift(() => each.close())
  return each
}

/** Starts a worker that leaves the signals of the test's process alone. */
function start(options: Partial<ItemOptions<AnyProperties>> = {}): WorkerItem {
  const worker = workers.Item({ id: 'questioner', host: server.url, shutdown: { signals: [] }, ...options })
  closing.push(() => worker.close())
  return worker
}

/** Something that happens once, and can be waited for. */
function event<Value = void>() {
  let happen: (value: Value) => void = () => {}
  const happened = new Promise<Value>((done) => {
    happen = done
  })
  return { happen, happened }
}

describe('with a server of L0, a worker', () => {
  it('registers by its id, runs what comes, and says what became of it, without acknowledgements', async () => {
    const connected = event()
    start({ onConnect: connected.happen, onTask: ({ name }, resolve) => resolve(`Hello there ${name}`) })
    const socket = await server.admit()
    await connected.happened
    socket.emit('worker.task', { id: 't1', properties: { name: 'Ada' } })
    const { args, answer } = await server.next('worker.task.done')
    expect(args).toEqual([{ id: 't1', success: true, results: 'Hello there Ada' }])
    expect(answer).toBeUndefined()
  })

  it('tells the user of what is no task, and the server nothing', async () => {
    const trouble = event<string>()
    start({ onError: trouble.happen, onTask: () => 1 })
    const socket = await server.admit()
    socket.emit('worker.task', { id: 't1', properties: 'none' })
    expect(await trouble.happened).toMatch(/expected `properties` to be an object.*\{"id":"t1","properties":"none"\}/)
    socket.emit('worker.task', { id: 't2', properties: {} })
    expect((await server.next('worker.task.done')).args).toEqual([{ id: 't2', success: true, results: 1 }])
    expect(server.unread('worker.task.fail')).toBe(0)
  })

  it('says that it has no handler', async () => {
    start()
    const socket = await server.admit()
    socket.emit('worker.task', { id: 't1', properties: {} })
    const { args } = await server.next('worker.task.fail')
    expect(args).toEqual([{ id: 't1', success: false, results: expect.stringMatching(/^Task handler not defined/) }])
  })

  it('keeps a result that it got while it was cut off, and tells it after its registration', async () => {
    const [begun, down] = [event<Resolve>(), event()]
    start({ onDisconnect: () => down.happen(), onTask: (_, resolve) => begun.happen(resolve) })
    const socket = await server.admit()
    socket.emit('worker.task', { id: 't1', properties: {} })
    const resolve = await begun.happened
    socket.conn.close()
    await down.happened
    resolve('meanwhile')
    await server.admit()
    expect((await server.next('worker.task.done')).args).toEqual([{ id: 't1', success: true, results: 'meanwhile' }])
  })

  it('passes words of the server to the user', async () => {
    const said = event<string>()
    start({ onError: said.happen })
    const socket = await server.admit()
    socket.emit('worker.error', 'paused for 15 minutes')
    expect(await said.happened).toBe('paused for 15 minutes')
  })
})

describe('with a server of L1, a worker', () => {
  it('registers with what it can do, acknowledges tasks, and has its results acknowledged', async () => {
    start({ capacity: 4, queues: ['resize', 'thumb'], onTask: async ({ width }) => ({ width }) })
    const { socket, options } = await server.welcome()
    expect(options).toMatchObject({ protocol: 1, capacity: 4, queues: ['resize', 'thumb'], resume: [] })
    expect(options.instance).toMatch(/^[0-9a-f]{32}$/)
    expect(await give(socket, { id: 't1', properties: { width: 320 } })).toEqual({ accepted: true })
    const { args, answer } = await server.next('worker.task.done')
    expect(args).toEqual([{ id: 't1', lease: 'lease-t1', success: true, results: { width: 320 } }])
    expect(answer).toBeDefined()
  })

  it('declines what is no task, what it has no handler for, and what it has no room for', async () => {
    const worker = start({ id: 'busy', onTask: () => {} })
    const { socket } = await server.welcome()
    expect(await give(socket, { id: 't1', properties: 5 as never })).toMatchObject({ accepted: false, code: 'invalid' })
    expect(await give(socket, { id: 't1' })).toEqual({ accepted: true })
    expect(await give(socket, { id: 't2' })).toEqual({ accepted: false, code: 'busy' })
    void worker.drain()
    expect((await server.next('worker.drain')).args).toEqual([{}])
    expect(await give(socket, { id: 't3' })).toEqual({ accepted: false, code: 'draining' })
    start({ id: 'idle' })
    const { socket: other } = await server.welcome()
    expect(await give(other, { id: 't4' })).toMatchObject({ accepted: false, code: 'unsupported' })
  })

  it('takes the same task twice for one run, and under another lease for the run that counts', async () => {
    const runs: { resolve: Resolve; context: TaskContext }[] = []
    start({ onTask: (_, resolve, __, context) => void runs.push({ resolve, context }) })
    const { socket } = await server.welcome()
    for (let again = 0; again < 2; again++) expect(await give(socket, { id: 't1' })).toEqual({ accepted: true })
    expect(runs).toHaveLength(1)
    const lease = { id: 'lease-2', expires: new Date().toISOString(), heartbeatMs: 20_000 }
    expect(await give(socket, { id: 't1', attempt: 2, lease })).toEqual({ accepted: true })
    expect(runs.map(({ context }) => [context.attempt, context.signal.aborted])).toEqual([
      [1, true],
      [2, false],
    ])
    for (const { resolve, context } of runs) resolve(context.attempt)
    expect((await server.next('worker.task.done')).args).toEqual([{ id: 't1', lease: 'lease-2', success: true, results: 2 }])
  })

  it('tells a result again after each reconnect until it is acknowledged, and says before what it holds', async () => {
    const [begun, down] = [event<Resolve>(), event()]
    start({ capacity: 2, onDisconnect: () => down.happen(), onTask: (_, resolve) => begun.happen(resolve) })
    const first = await server.welcome()
    await give(first.socket, { id: 't1' })
    const resolve = await begun.happened
    first.socket.conn.close()
    await down.happened
    resolve('meanwhile')
    const second = await server.welcome({ resumed: ['t1'] })
    expect(second.options).toMatchObject({ instance: first.options.instance, resume: [{ id: 't1', lease: 'lease-t1' }] })
    const { args, socket } = await server.next('worker.task.done')
    expect(args).toEqual([{ id: 't1', lease: 'lease-t1', success: true, results: 'meanwhile' }])
    socket.conn.close()
    const third = await server.welcome({ resumed: ['t1'] })
    const again = await server.next('worker.task.done')
    expect(again.args).toEqual(args)
    again.answer?.({ ok: true })
    third.socket.conn.close()
    expect((await server.welcome()).options.resume).toEqual([])
  })

  it('stops what the server gave to others meanwhile, and reports nothing', async () => {
    const begun = event<TaskContext>()
    start({ capacity: 2, onTask: (_, resolve, __, context) => (context.id === 't1' ? begun.happen(context) : resolve(2)) })
    const { socket } = await server.welcome()
    await give(socket, { id: 't1' })
    const { signal } = await begun.happened
    socket.conn.close()
    const { socket: next } = await server.welcome({ lost: ['t1'] })
    if (!signal.aborted) await once(signal, 'abort')
    expect(signal.reason).toMatchObject({ code: 'RUN_STOPPED', subject: 't1' })
    await give(next, { id: 't2' })
    expect((await server.next('worker.task.done')).args).toMatchObject([{ id: 't2' }])
    expect(server.unread('worker.task.fail')).toBe(0)
  })

  it('says that a run goes on, and stops one that is lost', async () => {
    const begun = event<TaskContext>()
    start({ onTask: (_, __, ___, context) => begun.happen(context) })
    const { socket } = await server.welcome()
    await give(socket, { id: 't1' }, 5)
    const { signal } = await begun.happened
    const { args, answer } = await server.next('worker.task.heartbeat')
    expect(args).toEqual([{ id: 't1', lease: 'lease-t1' }])
    answer?.({ ok: true, expires: new Date().toISOString() })
    const order: string[] = []
    server.io.on('connection', (next) => next.onAny((name: string) => order.push(name)))
    socket.conn.close()
    const { socket: next } = await server.welcome({ resumed: ['t1'] })
    const heard = async (): Promise<Heard> => {
      const beat = await server.next('worker.task.heartbeat')
      return beat.socket.id === next.id ? beat : heard()
    }
    ;(await heard()).answer?.({ ok: false, code: 'lost' })
    expect(order.slice(0, 2)).toEqual(['worker.connect', 'worker.task.heartbeat'])
    if (!signal.aborted) await once(signal, 'abort')
  })

  it('stops a run that is cancelled, which says nothing against the worker', async () => {
    const begun = event<TaskContext>()
    const onTask = (_: AnyProperties, __: Resolve, reject: (message: string) => void, context: TaskContext) => {
      context.signal.addEventListener('abort', () => reject('stopped'), { once: true })
      begun.happen(context)
    }
    start({ onTask })
    const { socket } = await server.welcome()
    await give(socket, { id: 't1' })
    await begun.happened
    socket.emit('worker.cancel', { id: 't1', reason: 'no longer wanted' })
    const { args } = await server.next('worker.task.fail')
    expect(args).toEqual([{ id: 't1', lease: 'lease-t1', success: false, results: 'stopped', retry: false, pause: false }])
  })

  it('tells of progress, the latest of what comes too fast', async () => {
    const trouble = event<string>()
    const tell = ({ progress }: TaskContext) => {
      for (let percent = 0; percent <= 100; percent += 10) progress(percent, `step ${percent}`)
      progress(101)
    }
    start({ onError: trouble.happen, onTask: (_, __, ___, context) => tell(context) })
    const { socket } = await server.welcome()
    await give(socket, { id: 't1' })
    expect((await server.next('worker.task.progress')).args).toMatchObject([{ lease: 'lease-t1', percent: 0, message: 'step 0' }])
    expect((await server.next('worker.task.progress')).args).toMatchObject([{ percent: 100, message: 'step 100' }])
    expect(await trouble.happened).toMatch(/expected `percent` to be a number from 0 to 100, got: 101/)
  })

  it('takes nothing from a server that drains it, until it is back', async () => {
    start({ onTask: () => 1 })
    const { socket } = await server.welcome()
    expect(await socket.emitWithAck('worker.drain', { reason: 'restart' })).toEqual({ running: 0 })
    expect(await give(socket, { id: 't1' })).toEqual({ accepted: false, code: 'draining' })
    socket.conn.close()
    expect(await give((await server.welcome()).socket, { id: 't1' })).toEqual({ accepted: true })
  })
})

describe('closing a worker', () => {
  it('waits for what runs, has it acknowledged, and leaves', async () => {
    const begun = event<Resolve>()
    const worker = start({ onTask: (_, resolve) => begun.happen(resolve) })
    const { socket } = await server.welcome()
    await give(socket, { id: 't1' })
    const closed = worker.close()
    await server.next('worker.drain')
    const resolve = await begun.happened
    resolve('at the end')
    const { answer } = await server.next('worker.task.done')
    expect(server.unread('worker.leave')).toBe(0)
    const left = once(socket, 'disconnect')
    answer?.({ ok: true })
    await server.next('worker.leave')
    await closed
    expect(await left).toContain('client namespace disconnect')
  })

  it('gives back what does not end in time', async () => {
    const begun = event<TaskContext>()
    const worker = start({ shutdown: { signals: [], graceMs: 1 }, onTask: (_, __, ___, context) => begun.happen(context) })
    const { socket } = await server.welcome()
    await give(socket, { id: 't1' })
    const { signal } = await begun.happened
    const closed = worker.close()
    const { args, answer } = await server.next('worker.task.fail')
    expect(args).toMatchObject([{ id: 't1', lease: 'lease-t1', success: false, retry: true, pause: false }])
    answer?.({ ok: true })
    await closed
    expect(signal.aborted).toBe(true)
  })

  it('happens when its signal fires', async () => {
    const stop = new AbortController()
    start({ signal: stop.signal })
    const socket = await server.admit()
    const left = once(socket, 'disconnect')
    stop.abort()
    await left
  })
})

describe('a server that is not there', () => {
  it('is told to the user in the words of the network', async () => {
    const gone = await serve()
    await gone.close()
    const trouble = event<string>()
    start({ host: gone.url, onError: trouble.happen, shutdown: { signals: [], graceMs: 0 } })
    expect(await trouble.happened).toMatch(/^cannot connect to http:.*\/: connect ECONNREFUSED/)
  })
})

describe('a server that says no', () => {
  it('is asked again after the time that it says', async () => {
    let knocks = 0
    const full = () => Object.assign(new Error('no room'), { data: { code: 'server-full', retryAfterMs: 1 } })
    const busy = await serve(() => {
      knocks += 1
      return knocks < 3 ? full() : undefined
    })
    const trouble = vi.fn()
    start({ host: busy.url, onError: trouble })
    await busy.admit()
    expect(knocks).toBe(3)
    expect(trouble.mock.calls).toEqual([[`cannot connect to ${busy.url}/: no room`]])
  })

  it('to a token is the end of it', async () => {
    const tokens: unknown[] = []
    const strict = await serve(({ handshake }) => {
      tokens.push(handshake.auth.token)
      return handshake.auth.token === 'sesame' ? undefined : Object.assign(new Error('who?'), { data: { code: 'unauthorized' } })
    })
    const [trouble, over] = [event<string>(), event()]
    new Item({ id: 'a', host: strict.url, token: 'guess', onError: trouble.happen }, () => over.happen()).open()
    expect(await trouble.happened).toMatch(/who\?$/)
    await over.happened
    start({ host: strict.url, token: 'sesame', namespace: '/workers' })
    expect((await strict.admit()).nsp.name).toBe('/workers')
    expect(tokens).toEqual(['guess', 'sesame'])
  })

  it('to a registration is the end of it, and the user hears why', async () => {
    const [trouble, over] = [event<string>(), event()]
    new Item({ id: 'a', host: server.url, onError: trouble.happen }, () => over.happen()).open()
    const { answer } = await server.next('worker.connect')
    answer?.({ ok: false, code: 'forbidden', message: 'not your queue' })
    await over.happened
    expect(await trouble.happened).toBe('the server refused the registration (forbidden): not your queue')
  })
})

describe('options', () => {
  it.each([
    [{ id: 'a b' }, /the worker name/],
    [
      { host: 'localhost:3000' },
      /expected `host` to be the URL of a server such as "http:\/\/localhost:3000", got: "localhost:3000"/,
    ],
    [{ capacity: 0 }, /expected `capacity` to be a whole number from 1 to 10000, got: 0/],
    [{ namespace: 'workers' }, /expected `namespace`/],
    [{ ontask: () => 1 }, /did you mean `onTask`\?/],
    [{ shutdown: { signals: ['SIGKILL'] } }, /expected `shutdown.signals` to be a list of SIGINT/],
    [{ token: 42 }, /expected `token` to be a text, got: "number"/],
  ])('are refused when they cannot be %#', (wrong, message) => {
    const options = { id: 'a', host: server.url, ...wrong } as ItemOptions<AnyProperties>
    expect(() => workers.Item(options)).toThrow(message)
  })
})
