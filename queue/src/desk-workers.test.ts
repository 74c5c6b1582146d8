/** Workers for which a process speaks at the desk: announced, and what becomes of them and their runs when it cannot speak any more. */
import { BugError, type Desk, StoreError, type Task } from '@lovage/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { job, settled, type World, world } from './fixtures/world.ts'

let w: World
let desk: Desk
beforeEach(async () => {
  w = await world()
  desk = deskOf(w)
})
afterEach(() => w.close())

function deskOf({ broker }: Pick<World, 'broker'>): Desk {
  if (broker.desk === undefined) throw new BugError('BUG', 'the queue has a desk')
  return broker.desk
}

const elsewhere = (holder: string) => ({ name: 'w1@test', holder, host: 'test', queues: ['default'], tasks: [] })
const wish = { queues: ['default'], holder: 'h1', worker: 'w1@test', limit: 1, leaseMs: 1_200_000, waitMs: 20_000 }
async function stored(id: string): Promise<Task> {
  const [task] = await w.backend.store.get([id])
  if (task === undefined) throw new BugError('BUG', `task ${id} is stored`)
  return task
}

test('a worker that went while the store was away is seen no more at the next check', async () => {
  // Who claims maintains.
  await desk.claim({ ...wish, waitMs: 0 })
  const watch = await desk.watch(elsewhere('h1'), () => {})
  await settled()
  expect(await w.broker.admin?.workers()).toHaveLength(1)
  const { records } = w.backend.store
  const { write } = records
  records.write = () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'away'))
  await watch.end()
  await w.clock.advance(1000)
  records.write = write
  expect(await w.broker.admin?.workers()).toHaveLength(1)
  await w.clock.advance(60_000)
  expect(await w.broker.admin?.workers()).toEqual([])
})

describe('when the process is gone that spoke for a worker', () => {
  beforeEach(async () => {
    await w.broker.tasks.send([job('a')])
    await desk.claim(wish)
  })

  /** Watches at a desk of another process, which then dies. */
  async function dies(graceMs: number | undefined): Promise<void> {
    const dying = deskOf({ broker: await w.another({ maintain: 'consumers' }) })
    await dying.watch({ ...elsewhere('h1'), graceMs }, () => {})
    await settled()
    const [worker] = (await w.broker.admin?.workers()) ?? []
    expect(w.backend.liveness.drop(worker?.keeper ?? '')).toBe(true)
    await settled()
  }

  test('its runs go elsewhere after its grace', async () => {
    await dies(10_000)
    expect(await w.broker.admin?.workers()).toEqual([])
    await w.clock.advance(9900)
    expect(await stored('a')).toMatchObject({ state: 'running', run: 0 })
    await w.clock.advance(100)
    expect(await stored('a')).toMatchObject({ state: 'pending', lost: 1, runs: [{ outcome: 'lost' }] })
  })

  test('they stay its own when it comes to another process', async () => {
    await dies(10_000)
    await desk.watch({ ...elsewhere('h1'), graceMs: 10_000 }, () => {})
    await w.clock.advance(60_000)
    expect(await stored('a')).toMatchObject({ state: 'running', run: 0 })
  })

  test('they stay its own until their lease ends when it has no grace', async () => {
    await dies(undefined)
    await w.clock.advance(60_000)
    expect(await stored('a')).toMatchObject({ state: 'running', run: 0 })
  })
})
