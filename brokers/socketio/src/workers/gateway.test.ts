/** Our workers with our gateway, on a real store. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayWorld, job, type Place, stored, within } from '../gateway/fixtures/gateway-world.ts'
import { createWorkers } from './fleet.ts'
import type { WorkerItem } from './item.ts'
import type { AnyProperties, ItemOptions } from './item-options.ts'
import type { Resolve, TaskContext } from './task-handler.ts'

const workers = createWorkers()
let open: WorkerItem[] = []
let world: GatewayWorld
let place: Place
/** As the server's host sees them. */
let sockets: Socket[]

beforeEach(async () => {
  world = new GatewayWorld()
  place = await world.place()
  sockets = []
  place.server.on('connection', (socket) => sockets.push(socket))
})

afterEach(async () => {
  await Promise.all(open.map((worker) => worker.close()))
  open = []
  await world.close()
})

function start(options: Partial<ItemOptions<AnyProperties>>): WorkerItem {
  const worker = workers.Item({ id: 'w', host: place.url, shutdown: { signals: [], graceMs: 1 }, ...options })
  open.push(worker)
  return worker
}

const result = (id: string) => within(place.broker.results.wait(id), `the result of ${id}`)

/** A handler whose runs a test ends; `begun` gives them in order. */
function byHand() {
  const runs: { resolve: Resolve; context: TaskContext }[] = []
  let wake = (): void => {}
  return {
    onTask(_: AnyProperties, resolve: Resolve, __: unknown, context: TaskContext) {
      runs.push({ resolve, context })
      wake()
    },
    async begun() {
      while (runs.length === 0) {
        await within(
          new Promise<void>((done) => {
            wake = done
          }),
          'a run',
        )
      }
      return runs.shift() as (typeof runs)[number]
    },
  }
}

describe('a worker of ours at a gateway of ours', () => {
  it('runs tasks, several at a time', async () => {
    start({ capacity: 2, onTask: async ({ of }, _, __, { attempt }) => ({ of, attempt }) })
    await place.broker.tasks.send([job('a'), job('b'), job('c')])
    for (const id of ['a', 'b', 'c'])
      expect(await result(id)).toMatchObject({ state: 'completed', result: { of: id, attempt: 1 } })
  })

  it('that was cut off with a run brings its result when it is back: one run, one result', async () => {
    const { onTask, begun } = byHand()
    let down = (): void => {}
    const cut = new Promise<void>((done) => {
      down = done
    })
    start({ onTask, onDisconnect: () => down() })
    await place.broker.tasks.send([job('a')])
    const { resolve } = await begun()
    for (const socket of sockets) socket.destroy()
    await cut
    resolve('meanwhile')
    expect(await result('a')).toMatchObject({ state: 'completed', result: 'meanwhile' })
    expect(await stored(place, 'a')).toMatchObject({ run: 0, lost: 0 })
  })

  it('that closes gives back what it runs: another one has it at once, and nobody is paused', async () => {
    const [one, other] = [byHand(), byHand()]
    const reasons: string[] = []
    const first = start({ onTask: one.onTask, onDisconnect: (reason) => reasons.push(reason) })
    await place.broker.tasks.send([job('a')])
    await one.begun()
    start({ id: 'other', queues: ['w'], onTask: other.onTask })
    await first.close()
    expect(reasons).toEqual(['io client disconnect'])
    const { resolve, context } = await other.begun()
    expect(context).toMatchObject({ id: 'a', attempt: 2 })
    resolve('by the other')
    expect(await result('a')).toMatchObject({ result: 'by the other' })
    expect(place.gateway.sessions().map(({ paused }) => paused ?? null)).toEqual([null])
  })

  it('hears that its task is cancelled', async () => {
    const { onTask, begun } = byHand()
    const errors: string[] = []
    start({ onTask, onError: (message) => errors.push(message) })
    await place.broker.tasks.send([job('a'), job('b')])
    const { context, resolve } = await begun()
    await place.broker.tasks.cancel(['a'])
    if (!context.signal.aborted) await within(once(context.signal, 'abort'), 'the end of the run')
    resolve('too late')
    ;(await begun()).resolve('b')
    expect(await result('b')).toMatchObject({ result: 'b' })
    expect(errors).toEqual([])
  })

  it('says of a failure as much as a message holds', async () => {
    start({
      async onTask() {
        throw new Error('x'.repeat(2_000_000))
      },
    })
    await place.broker.tasks.send([job('a', { retryLimit: 0 })])
    expect(await result('a')).toMatchObject({ state: 'failed' })
    expect((await stored(place, 'a')).failure?.message).toMatch(/^x{1000,}/)
  })

  it('that rejects is paused, and its user hears until when', async () => {
    let hear = (_: string): void => {}
    const heard = new Promise<string>((done) => {
      hear = done
    })
    start({ onError: (message) => hear(message), onTask: (_, __, reject) => reject('no disk') })
    await place.broker.tasks.send([job('a')])
    expect(await within(heard, 'a word')).toMatch(/^paused until .*: no disk$/)
  })
})
