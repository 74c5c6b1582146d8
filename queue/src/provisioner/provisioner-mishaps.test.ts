/** What goes wrong around a provisioner: launchers that lie, throw or hang, a store that is away, ends that others notice first. */
import type { LaunchRequest, WorkerPool } from '@lovage/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Hall, keep, poolRecord, poolsOf, states } from '../fixtures/hall.ts'
import { settled, type World, world } from '../fixtures/world.ts'

let here: World
let hall: Hall
beforeEach(async () => {
  here = await world()
  hall = new Hall(here)
})
afterEach(() => here.close())

async function definePool(config: Partial<WorkerPool['config']> = {}): Promise<void> {
  await poolsOf(here.broker).change('images', () => poolRecord({ minCapacity: 1, ...config }))
}

const standing = () => poolsOf(here.broker).standing('images')

/** From now on launches of this hall end only when the answer is called with their number. */
function delayLaunches(): (nth: number) => void {
  const launch = hall.launch.bind(hall)
  const begun: (() => void)[] = []
  hall.launch = (request: LaunchRequest) => new Promise((resolve) => begun.push(() => void launch(request).then(resolve)))
  return (nth) => begun[nth]?.()
}

test('an exit that comes while somebody looks is counted as the failure it is', async () => {
  await definePool()
  hall.behaviour = { mute: true }
  const list = hall.list.bind(hall)
  hall.list = async () => {
    for (const id of hall.ids) hall.exit(id, 'exit code 7')
    return list()
  }
  await keep(here, hall)
  await here.clock.advance(900)
  expect(hall.launches).toHaveLength(2)
  expect(await standing()).toMatchObject({ failures: 2, reason: 'exit code 7' })
})

test('a launcher that throws is one that fails', async () => {
  await definePool()
  hall.launch = () => {
    throw new TypeError('spawn ENOMEM')
  }
  await keep(here, hall)
  expect((await standing()).reason).toBe('it could not be launched: spawn ENOMEM')
  expect(await states(here.broker)).toEqual([])
})

test('a launch that never ends holds no place for ever, and what comes of it late is killed', async () => {
  await definePool({ maxCapacity: 1, lifecycle: { registrationTimeout: 30 } })
  const launch = hall.launch
  const goOn = delayLaunches()
  await keep(here, hall)
  await here.clock.advance(29_000)
  expect(await states(here.broker)).toEqual(['images-1 requested'])
  hall.launch = launch
  await here.clock.advance(2000)
  expect(await standing()).toMatchObject({ reason: 'its launch did not end' })
  expect(hall.ids).toEqual(['images-2'])
  goOn(0)
  await settled()
  expect(hall.launches).toEqual(['images-2', 'images-1'])
  expect(hall.ids).toEqual(['images-2'])
})

test('a close waits for a launch under way, and ends that worker, too', async () => {
  await definePool()
  const goOn = delayLaunches()
  const { provisioner } = await keep(here, hall)
  let isClosed = false
  const closed = provisioner.close().then(() => {
    isClosed = true
  })
  await settled()
  expect(isClosed).toBe(false)
  goOn(0)
  await closed
  expect(hall.launches).toEqual(['images-1'])
  expect(hall.ids).toEqual([])
})

test('a store that does not answer keeps no worker from being told to stop, and their ends are no failures', async () => {
  await definePool({ minCapacity: 2 })
  const { provisioner } = await keep(here, hall)
  const { store } = here.backend
  const { counts } = store
  const { promise, resolve } = Promise.withResolvers<void>()
  store.counts = (...args) => promise.then(() => counts.apply(store, args))
  const closed = provisioner.close()
  await here.clock.advance(3000)
  expect(hall.ids).toEqual([])
  store.counts = counts
  resolve()
  await closed
  expect(await states(here.broker)).toEqual([])
  expect(await standing()).toMatchObject({ failures: 0 })
})

test('workers that come back after the store was away are not killed, those that do not are', async () => {
  await definePool({ minCapacity: 2 })
  await keep(here, hall)
  await here.clock.advance(20_000)
  const holders = hall.ids.map((id) => hall.worker(id).holder)
  const { store, liveness } = here.backend
  const { counts } = store
  store.counts = () => Promise.reject(new TypeError('away'))
  await here.clock.advance(90_000)
  store.counts = counts
  const { lost } = liveness
  liveness.lost = async () => holders
  await here.clock.advance(9000)
  liveness.lost = async () => holders.slice(1)
  await here.clock.advance(3000)
  expect(hall.ids).toEqual(['images-1', 'images-2'])
  await here.clock.advance(10_000)
  expect(hall.ids).toEqual(['images-1', 'images-3'])
  liveness.lost = lost
})

test('what ends of itself is counted, and its place taken, when its launcher says so: others that notice it first wait', async () => {
  await definePool({ maxCapacity: 1 })
  const there = new Hall(here, { group: 'there' })
  const halls = [hall, there]
  for (const one of halls) await keep(here, one)
  const launches = () => halls.flatMap((one) => one.launches).length
  for (let round = 1; round <= 3; round++) {
    const owner = halls.find(({ ids }) => ids.length > 0) as Hall
    const [id] = owner.ids as readonly [string]
    const worker = owner.worker(id)
    worker.pause()
    here.backend.liveness.drop(worker.holder)
    await settled()
    expect(launches()).toBe(round)
    owner.exit(id, 'exit code 1')
    await here.clock.advance(1000)
    expect(await standing()).toMatchObject({ failures: round, reason: 'exit code 1' })
  }
})
