/** What a real Worker says that is larger than a message of the wire. */
import { defineTask, type WorkerEvent } from '@lovage/core'
import { Worker, type WorkerOptions } from '@lovage/worker'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { GatewayWorld, type Place, stored, within } from '../gateway/fixtures/gateway-world.ts'
import { createSocketBroker } from './socket-broker.ts'

let world: GatewayWorld
let place: Place
let end: () => Promise<unknown> = async () => {}
beforeEach(async () => {
  world = new GatewayWorld()
  place = await world.place()
})
afterEach(async () => {
  await end()
  await world.close()
})

async function working(tasks: WorkerOptions['tasks']): Promise<Worker> {
  const broker = await createSocketBroker({ url: place.url })
  const worker = new Worker({ broker, tasks, name: 'far@away', queues: ['w'] })
  end = () => worker.stop({ cold: true }).then(() => broker.close())
  await within(worker.start(), 'the worker to start')
  return worker
}

it('says of failures as much as a message holds', async () => {
  const loud = defineTask({
    name: 'loud',
    queue: 'w',
    retry: { limit: 0 },
    run() {
      throw new Error('x'.repeat(2_000_000), { cause: new Error('y'.repeat(2_000_000)) })
    },
  })
  await working([loud])
  await place.broker.tasks.send([{ id: 'a', name: 'loud', queue: 'w', priority: 4 }])
  expect(await within(place.broker.results.wait('a'), 'the result')).toMatchObject({
    state: 'failed',
    failure: { cause: { name: 'Error' } },
  })
  expect((await stored(place, 'a')).failure?.message).toMatch(/^x{7000,}\.\.\. \(2000000 characters\)$/)
  expect(await stored(place, 'a')).toMatchObject({ run: 0 })
})

it('says more notes and events at once than one message holds', async () => {
  const heard: WorkerEvent[] = []
  await place.broker.events.capture(['told'], (event) => heard.push(event))
  const wide = defineTask({
    name: 'wide',
    queue: 'w',
    run(_: unknown, context) {
      for (let line = 0; line < 300; line++) context.log.info(`${line} ${'z'.repeat(7000)}`)
      for (let told = 0; told < 30; told++)
        made.broker.events.emit({ type: 'told', at: 1, worker: made.name, text: '\u20ac'.repeat(50_000) })
      return new Promise((resolve) => setImmediate(resolve))
    },
  })
  const made = await working([wide])
  const breaks: Error[] = []
  made.on('error', (error) => breaks.push(error))
  await place.broker.tasks.send([{ id: 'a', name: 'wide', queue: 'w', priority: 4 }])
  await within(place.broker.results.wait('a'), 'the result')
  await vi.waitFor(() => expect(heard).toHaveLength(30), { timeout: 15_000 })
  expect(await place.broker.admin?.logs('a')).toHaveLength(300)
  expect(breaks).toEqual([])
})
