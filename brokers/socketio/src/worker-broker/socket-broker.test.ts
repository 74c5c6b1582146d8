/** A real Worker over a real socket: what reaches it, what it tells, and what becomes of it when the connection goes. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, defineTask, type TaskContext, type WorkerEvent } from '@lovage/core'
import { sqliteBackend } from '@lovage/store-sqlite'
import { Worker, type WorkerOptions } from '@lovage/worker'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GatewayWorld, type Place, stored, within } from '../gateway/fixtures/gateway-world.ts'
import { workerTokens } from '../tokens/worker-tokens.ts'
import { Cable } from './fixtures/cable.ts'
import { createSocketBroker } from './socket-broker.ts'

let world: GatewayWorld
let place: Place
const ends: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  world = new GatewayWorld()
  place = await world.place()
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  await world.close()
})

/** What the handlers of a test wait for and tell. */
class Stage {
  readonly #gates = new Map<string, () => void>()
  readonly #begun = new Map<string, (context: TaskContext) => void>()
  readonly #waiting = new Map<string, Promise<TaskContext>>()

  readonly hold = defineTask({
    name: 'hold',
    queue: 'w',
    retry: { limit: 0 },
    run: (_: unknown, context) =>
      new Promise<string>((resolve, reject) => {
        this.#gates.set(context.id, () => resolve(`done ${context.id}`))
        context.signal.addEventListener('abort', () => reject(context.signal.reason))
        void this.begun(context.id)
        this.#begun.get(context.id)?.(context)
      }),
  })

  begun(id: string): Promise<TaskContext> {
    const known = this.#waiting.get(id) ?? new Promise<TaskContext>((resolve) => this.#begun.set(id, resolve))
    this.#waiting.set(id, known)
    return within(known, `${id} to begin`)
  }

  release(id: string): void {
    this.#gates.get(id)?.()
  }
}

/** As `once`, but errors on the way are none of its business. */
function happens(made: Worker, event: 'back' | 'fatal' | 'exit'): Promise<unknown[]> {
  return new Promise((resolve) => made.once(event, (...args: unknown[]) => resolve(args)))
}

const send = (id: string, more: object = {}, on: Place = place) =>
  on.broker.tasks.send([{ id, name: 'hold', queue: 'w', priority: 4, ...more }])

async function worker(url: string, tasks: WorkerOptions['tasks'], more: Partial<WorkerOptions> & { token?: string } = {}) {
  const { token, ...options } = more
  const broker = await createSocketBroker({ url, token })
  const made = new Worker({ broker, tasks, name: 'far@away', queues: ['w'], concurrency: 2, ...options })
  made.on('error', () => {})
  ends.push(async () => {
    await made.stop({ cold: true })
    await broker.close()
  })
  await within(made.start(), 'the worker to start')
  return made
}

const resolved = (id: string, on: Place = place) => within(on.broker.results.wait(id), `${id} to be resolved`)

describe('a worker over a socket', () => {
  it('runs tasks with all that they say, and keeps progress and lines with them', async () => {
    const seen: unknown[] = []
    const tell = defineTask({
      name: 'tell',
      queue: 'w',
      run(input: unknown, context) {
        seen.push([input, context.args, context.kwargs, context.headers, context.runId])
        context.progress(0.5, 'half')
        context.log.info('a line')
        return { sum: 3 }
      },
    })
    await worker(place.url, [tell])
    const message = { args: [1, 'two'], kwargs: { three: 3 }, headers: { trace: 'x' } }
    await place.broker.tasks.send([{ id: 'a', name: 'tell', queue: 'w', priority: 4, ...message }])
    expect(await resolved('a')).toMatchObject({ state: 'completed', result: { sum: 3 } })
    expect(seen).toEqual([[{ three: 3 }, [1, 'two'], { three: 3 }, { trace: 'x' }, 0]])
    expect(await place.broker.admin?.logs('a')).toMatchObject([{ level: 'info', text: 'a line' }])
    expect((await stored(place, 'a')).progress).toBe('{"value":0.5,"detail":"half"}')
    expect(await stored(place, 'a')).toMatchObject({ worker: 'far@away', run: 0 })
  })

  it('takes the names that it knows alone', async () => {
    const stage = new Stage()
    await worker(place.url, [stage.hold])
    await place.broker.tasks.send([{ id: 'other', name: 'other', queue: 'w', priority: 7 }])
    await send('mine')
    await stage.begun('mine')
    stage.release('mine')
    await resolved('mine')
    expect(await stored(place, 'other')).toMatchObject({ state: 'pending', run: -1 })
    expect(await place.broker.admin?.explain('other')).toMatchObject({ reasons: [expect.stringContaining('far@away')] })
  })

  it('is tried again by its own policy, and stops what takes too long', async () => {
    const flaky = defineTask({
      name: 'flaky',
      queue: 'w',
      retry: { limit: 1, delay: 0 },
      run(_: unknown, context) {
        if (context.runId === 0) throw new RangeError('not yet')
        return 'well'
      },
    })
    const slow = defineTask({
      name: 'slow',
      queue: 'w',
      retry: { limit: 0 },
      timeout: 100,
      run: (_: unknown, context) =>
        new Promise((_resolve, reject) => {
          context.signal.addEventListener('abort', () => reject(context.signal.reason))
        }),
    })
    await worker(place.url, [flaky, slow])
    await place.broker.tasks.send([
      { id: 'f', name: 'flaky', queue: 'w', priority: 4 },
      { id: 's', name: 'slow', queue: 'w', priority: 4 },
    ])
    expect(await resolved('f')).toMatchObject({ state: 'completed', result: 'well' })
    expect((await stored(place, 'f')).runs).toMatchObject([{ outcome: 'retried', failure: { name: 'RangeError' } }])
    expect(await resolved('s')).toMatchObject({ state: 'failed', reason: 'timeout' })
  })

  it('ends a task that it cannot read, with the reason', async () => {
    const stage = new Stage()
    await worker(place.url, [stage.hold])
    let deep: unknown = 1
    for (let level = 0; level < 150; level++) deep = [deep]
    await send('deep', { args: [deep] })
    expect(await resolved('deep')).toMatchObject({
      ...{ state: 'exception', reason: 'malformed-payload' },
      failure: { message: expect.stringContaining('at most 100 objects and lists deep') },
    })
    await send('large', { input: 'x'.repeat(1024 * 1024) })
    expect(await resolved('large')).toMatchObject({ reason: 'malformed-payload' })
  })

  it('stops a run that is cancelled', async () => {
    const stage = new Stage()
    await worker(place.url, [stage.hold])
    await send('a')
    const { signal } = await stage.begun('a')
    const aborted = once(signal as AbortSignal, 'abort')
    expect(await place.broker.tasks.cancel(['a'])).toEqual([true])
    await within(aborted, 'the run to be stopped')
    expect(await stored(place, 'a')).toMatchObject({ state: 'exception', reason: 'cancelled' })
  })

  it('does not count what it had not begun as lost when it goes', async () => {
    const stage = new Stage()
    const gone = await createSocketBroker({ url: place.url })
    const deliveries: string[] = []
    const arrived = new Promise<void>((resolve) => {
      const options = { queues: ['w'], prefetch: 5, worker: 'gone@away', tasks: [{ name: 'hold' }] }
      const listener = {
        deliver(all: readonly { message: { id: string } }[]) {
          deliveries.push(...all.map(({ message }) => message.id))
          if (deliveries.length === 2) resolve()
        },
        revoke() {},
        error() {},
      }
      void gone.tasks.consume(options, listener).then(() => Promise.all([send('a', { lostLimit: 0 }), send('b')]))
    })
    await within(arrived, 'both to be delivered')
    // As a worker that vanishes: it says nothing of them.
    await place.broker.desk?.lose((await stored(place, 'a')).holder ?? '', place.broker.desk.now())
    await gone.close()
    await worker(place.url, [stage.hold])
    await stage.begun('a')
    expect(await stored(place, 'a')).toMatchObject({ state: 'running', lost: 0 })
    stage.release('a')
    expect(await resolved('a')).toMatchObject({ state: 'completed' })
  })
})

describe('the buses', () => {
  it('bring commands and replies', async () => {
    const stage = new Stage()
    const made = await worker(place.url, [stage.hold])
    await send('a')
    await stage.begun('a')
    const ask = async (method: string, args = {}) =>
      (await place.broker.control.request(method, args, { destination: ['far@away'], timeoutMs: 10_000 }))[0]
    expect(await ask('ping')).toEqual({ worker: 'far@away', ok: true, value: { ok: 'pong' } })
    expect(await ask('active')).toMatchObject({ ok: true, value: [{ id: 'a', name: 'hold' }] })
    expect(await ask('rate_limit', { task_name: 'hold', rate_limit: '1/s' })).toMatchObject({ ok: true })
    expect(await ask('nonsense')).toMatchObject({ ok: false, error: expect.stringContaining('expected one of the commands') })
    expect(await ask('add_consumer', { queue: 'more' })).toMatchObject({ ok: true })
    await place.broker.tasks.send([{ id: 'b', name: 'hold', queue: 'more', priority: 4 }])
    await stage.begun('b')
    expect(await ask('pause')).toMatchObject({ ok: true })
    expect(made.paused).toBe(true)
    expect((await place.broker.admin?.workers())?.[0]).toMatchObject({ queues: ['w', 'more'], tasks: [{ name: 'hold' }] })
    stage.release('a')
    stage.release('b')
    await Promise.all([resolved('a'), resolved('b')])
  })

  it('bring events, each under the name of who tells it', async () => {
    const heard: WorkerEvent[] = []
    const end = await place.broker.events.capture(['*'], (event) => heard.push(event))
    const quick = defineTask({ name: 'quick', queue: 'w', run: () => 1 })
    const made = await worker(place.url, [quick], { events: true })
    made.broker.events.emit({ type: 'deployed', at: 1, worker: 'somebody@else' })
    made.broker.events.emit({ type: 'token-revoked', at: 1, worker: 'somebody@else', token: 'x' })
    await place.broker.tasks.send([{ id: 'a', name: 'quick', queue: 'w', priority: 4 }])
    await vi.waitFor(() => expect(heard.map(({ type }) => type)).toContain('task-succeeded'), { timeout: 15_000 })
    await end()
    const types = heard.map(({ type }) => type)
    expect(types).toEqual(expect.arrayContaining(['worker-online', 'deployed', 'task-received', 'task-started']))
    expect(types).not.toContain('token-revoked')
    expect(new Set(heard.map((event) => event.worker))).toEqual(new Set(['far@away']))
  })

  it('take what handlers send, and show what became of it', async () => {
    const child = defineTask({ name: 'child', queue: 'w', run: ({ n }: { n: number }) => n + 1 })
    const parent = defineTask({
      name: 'parent',
      queue: 'w',
      run: (_: unknown, context) => context.send(child, { n: 1 }),
    })
    const made = await worker(place.url, [parent, child])
    await place.broker.tasks.send([{ id: 'p', name: 'parent', queue: 'w', priority: 4 }])
    const { result } = await resolved('p')
    expect(await within(made.broker.results.wait(String(result)), 'the child')).toMatchObject({ state: 'completed', result: 2 })
    expect((await stored(place, String(result))).extras?.parent).toBe('p')
    expect(await made.broker.results.get(['p', 'none'])).toMatchObject([{ state: 'completed' }, { state: 'unknown' }])
  })

  it('refuse what a worker does not see', async () => {
    const broker = await createSocketBroker({ url: place.url })
    ends.push(() => broker.close())
    await expect(broker.control.request('ping', {})).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(broker.events.capture(['task-*'], () => {})).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(broker.tasks.cancel(['a'])).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect(broker.admin ?? broker.desk).toBeUndefined()
  })
})

describe('a connection that is cut', () => {
  it('leaves runs with the worker, whose result of meanwhile counts once', async () => {
    const stage = new Stage()
    const cable = await Cable.to(() => place.url)
    ends.push(() => cable.close())
    const made = await worker(cable.url, [stage.hold])
    await send('a')
    await stage.begun('a')
    const back = happens(made, 'back')
    cable.cut()
    stage.release('a')
    await vi.waitFor(() => expect(place.gateway.sessions()).toMatchObject([{ connected: false }]), { timeout: 15_000 })
    cable.mend()
    await within(back, 'the worker to come back')
    expect(await resolved('a')).toMatchObject({ state: 'completed', result: 'done a' })
    expect(await stored(place, 'a')).toMatchObject({ run: 0, lost: 0, runs: [] })
  })

  it('for longer than the grace gives its runs to others, and stops them here', async () => {
    await world.close()
    world = new GatewayWorld()
    place = await world.place({ grace: 0 })
    const stage = new Stage()
    const cable = await Cable.to(() => place.url)
    ends.push(() => cable.close())
    await worker(cable.url, [stage.hold])
    await send('a')
    const { signal } = await stage.begun('a')
    const aborted = once(signal as AbortSignal, 'abort')
    const heir = new Stage()
    await worker(place.url, [heir.hold], { name: 'heir@away' })
    cable.cut()
    await heir.begun('a')
    heir.release('a')
    expect(await resolved('a')).toMatchObject({ state: 'completed', result: 'done a' })
    cable.mend()
    await within(aborted, 'the old run to be stopped')
    expect(await stored(place, 'a')).toMatchObject({ run: 1, worker: 'heir@away' })
  })

  it('with a gateway that closes, takes its runs along to another one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lovage-socket-'))
    ends.push(() => rm(directory, { recursive: true, force: true }))
    await world.close()
    world = new GatewayWorld(await sqliteBackend(join(directory, 'lovage.db')))
    place = await world.place()
    const second = await world.place()
    let target = place
    const stage = new Stage()
    const cable = await Cable.to(() => target.url)
    ends.push(() => cable.close())
    const made = await worker(cable.url, [stage.hold])
    await send('a')
    await send('b')
    await Promise.all([stage.begun('a'), stage.begun('b')])
    const back = happens(made, 'back')
    target = second
    stage.release('a')
    await place.gateway.close()
    await within(back, 'the worker to come back')
    stage.release('b')
    for (const id of ['a', 'b']) {
      expect(await resolved(id)).toMatchObject({ state: 'completed', result: `done ${id}` })
      expect(await stored(second, id)).toMatchObject({ run: 0, lost: 0, runs: [] })
    }
    expect((await second.broker.admin?.workers())?.map(({ name }) => name)).toEqual(['far@away'])
  })
})

describe('tokens', () => {
  const tokens = () => workerTokens(place.broker as Broker)

  it('let a worker send into its queues alone, and not reach into others', async () => {
    const { token } = await tokens().create({ ids: ['far@*'], queues: ['w'] })
    const broker = await createSocketBroker({ url: place.url, token })
    ends.push(() => broker.close())
    const [x, y] = [crypto.randomUUID(), crypto.randomUUID()]
    const message = { id: x, name: 'n', queue: 'w', priority: 4 }
    expect(await broker.tasks.send([message])).toEqual([{ id: x, status: 'sent' }])
    const refused = { code: 'SCOPES_INSUFFICIENT' }
    await expect(broker.tasks.send([{ ...message, id: y, queue: 'other' }])).rejects.toMatchObject(refused)
    await expect(broker.tasks.send([{ ...message, id: y, key: 'k' }])).rejects.toMatchObject(refused)
    await expect(broker.tasks.send([{ ...message, id: y, dependencies: [x] }])).rejects.toMatchObject(refused)
    await place.broker.tasks.send([{ ...message, id: 'theirs', queue: 'other' }])
    expect(await broker.results.get([x, 'theirs'])).toMatchObject([{ state: 'pending' }, { state: 'unknown' }])
    await expect(broker.results.wait('theirs')).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
  })

  it('keep a worker from queues that they do not allow', async () => {
    const { token } = await tokens().create({ ids: ['far@*'], queues: ['w'] })
    const stage = new Stage()
    await expect(worker(place.url, [stage.hold], { token, queues: ['other'] })).rejects.toMatchObject({
      code: 'SCOPES_INSUFFICIENT',
    })
    const made = await worker(place.url, [stage.hold], { token })
    const [reply] = await place.broker.control.request('add_consumer', { queue: 'other' }, { destination: [made.name] })
    expect(reply).toMatchObject({ ok: false, error: expect.stringContaining('queues that the token allows (w)') })
    await send('a')
    await stage.begun('a')
    stage.release('a')
    await resolved('a')
  })

  it('that are revoked end the worker, and its runs go elsewhere at once', async () => {
    const { token, id } = await tokens().create({ ids: ['far@*'], queues: ['w'] })
    const stage = new Stage()
    const made = await worker(place.url, [stage.hold], { token })
    const errors: string[] = []
    made.on('error', ({ message }) => errors.push(message))
    await send('a')
    await stage.begun('a')
    const [fatal, exit] = [happens(made, 'fatal'), happens(made, 'exit')]
    await tokens().revoke(id)
    expect(await within(fatal, 'the worker to be told')).toMatchObject([
      { code: 'AUTHENTICATION_FAILED', message: expect.stringContaining('was revoked') },
    ])
    await within(exit, 'the worker to end')
    expect(errors.join()).not.toContain('comes back by itself')
    await vi.waitFor(async () => expect(await stored(place, 'a')).toMatchObject({ state: 'pending', lost: 1 }), {
      timeout: 15_000,
    })
  })

  it('that are wrong are refused at once, and so is a server that is not there', async () => {
    await expect(createSocketBroker({ url: place.url, token: 'nonsense' })).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
    })
    await expect(createSocketBroker({ url: 'http://127.0.0.1:1' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(createSocketBroker({ url: 'ftp://x' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
