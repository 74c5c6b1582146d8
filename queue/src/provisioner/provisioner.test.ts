/** Worker pools from demand to end: with pretended processes and a clock moved by hand. */
import type { WorkerPool } from '@lovage/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Hall, keep, poolRecord, poolsOf, states } from '../fixtures/hall.ts'
import { job, settled, type World, world } from '../fixtures/world.ts'

let here: World
let hall: Hall
beforeEach(async () => {
  here = await world()
  hall = new Hall(here)
})
afterEach(() => here.close())

async function definePool(config: Partial<WorkerPool['config']> = {}): Promise<void> {
  await poolsOf(here.broker).change('images', () => poolRecord(config))
}

async function send(...ids: readonly string[]): Promise<void> {
  await here.broker.tasks.send(ids.map((id) => job(id)))
  await here.clock.advance(0)
}

describe('growing', () => {
  test('nothing runs where there is nothing to do; a pending task launches a worker, which runs it', async () => {
    await definePool()
    await keep(here, hall)
    expect(hall.ids).toEqual([])
    await send('a')
    expect(await states(here.broker)).toEqual(['images-1 running'])
    expect(hall.worker('images-1').recorder.names).toEqual(['a'])
    expect(hall.worker('images-1').request.worker).toBe('images-1@here')
  })

  test('as many workers as tasks wait, up to the most', async () => {
    await definePool()
    await keep(here, hall)
    await send('a', 'b')
    expect(hall.ids).toHaveLength(2)
    await here.clock.advance(200)
    await send('c', 'd', 'e')
    await here.clock.advance(200)
    expect(hall.ids).toHaveLength(3)
    await here.clock.advance(60_000)
    expect(hall.launches).toHaveLength(3)
  })

  test('tasks that were pending before anybody looked count', async () => {
    await definePool()
    await send('a', 'b')
    await keep(here, hall)
    expect(hall.ids).toHaveLength(2)
  })

  test('a task that is due later launches a worker when its time has come', async () => {
    await definePool()
    await keep(here, hall)
    await here.broker.tasks.send([job('later', { at: here.clock.now() + 3_600_000 })])
    await here.clock.advance(3_599_000)
    expect(hall.launches).toEqual([])
    await here.clock.advance(1500)
    expect(hall.worker('images-1').recorder.names).toEqual(['later'])
  })

  test('idle workers come first, and a worker of several places counts as so many', async () => {
    await definePool({ maxCapacity: 6, minCapacity: 2 })
    hall = new Hall(here, { capacity: 2 })
    await keep(here, hall, { capacity: 2 })
    expect(hall.ids).toHaveLength(1)
    await send('a', 'b')
    await here.clock.advance(200)
    expect(hall.ids).toHaveLength(1)
    await send('c', 'd', 'e')
    await here.clock.advance(200)
    expect(hall.ids).toHaveLength(3)
  })

  test('with a ratio under one, workers for a share of the tasks', async () => {
    await definePool({ maxCapacity: 10, scalingRatio: 0.2 })
    await keep(here, hall)
    await send(...Array.from({ length: 10 }, (_, n) => `t${n}`))
    await here.clock.advance(60_000)
    expect(hall.launches).toHaveLength(2)
  })

  test('a flood of sends costs few looks', async () => {
    await definePool()
    await keep(here, hall)
    await send('a')
    await here.clock.advance(200)
    const before = here.calls.counts ?? 0
    for (let n = 0; n < 50; n++) await here.broker.tasks.send([job(`t${n}`)])
    await settled()
    expect((here.calls.counts ?? 0) - before).toBeLessThan(10)
  })

  test('at rest it looks once in half a minute, and workers at the least are not asked whether they are idle', async () => {
    await definePool({ minCapacity: 1, lifecycle: { idleTimeout: 60 } })
    await keep(here, hall)
    await here.clock.advance(60_000)
    const before = { ...here.calls }
    await here.clock.advance(3_600_000)
    expect((here.calls.counts ?? 0) - (before.counts ?? 0)).toBeLessThanOrEqual(120)
    expect(hall.worker('images-1').asked).toBe(0)
  })

  test('tasks that its workers cannot run launch none, nor do those of a paused queue', async () => {
    await definePool()
    await keep(here, hall, { tasks: ['job'] })
    await here.broker.tasks.send([job('x', { name: 'misspelt' })])
    await here.clock.advance(60_000)
    expect(hall.launches).toEqual([])
    await here.broker.admin?.pauseQueue('default')
    await send('a')
    await here.clock.advance(60_000)
    expect(hall.launches).toEqual([])
    await here.broker.admin?.resumeQueue('default')
    await here.clock.advance(200)
    expect(hall.launches).toEqual(['images-1'])
  })
})

describe('shrinking', () => {
  test('workers that were idle for the time-out are drained, down to the least', async () => {
    await definePool({ minCapacity: 1, lifecycle: { idleTimeout: 60 } })
    await keep(here, hall)
    await send('a', 'b', 'c')
    await here.clock.advance(200)
    await send('d')
    expect(hall.ids).toHaveLength(3)
    for (const id of hall.ids) await hall.worker(id).finish()
    await here.clock.advance(16_000)
    for (const id of hall.ids) await hall.worker(id).finish()
    await here.clock.advance(58_000)
    expect(hall.ids).toHaveLength(3)
    await here.clock.advance(32_000)
    expect(hall.ids).toHaveLength(1)
    await here.clock.advance(600_000)
    expect(await states(here.broker)).toHaveLength(1)
  })

  test('a worker that runs something is not idle, however long it takes', async () => {
    await definePool({ lifecycle: { idleTimeout: 60 } })
    await keep(here, hall)
    await send('a', 'b')
    await hall.worker('images-1').finish()
    await here.clock.advance(120_000)
    expect(hall.ids).toEqual(['images-2'])
    await here.clock.advance(3_600_000)
    expect(hall.ids).toEqual(['images-2'])
    await hall.worker('images-2').finish()
    await here.clock.advance(120_000)
    expect(hall.ids).toEqual([])
    await send('c')
    expect(hall.ids).toEqual(['images-3'])
  })

  test('a lower most drains at once, idle workers first, and a pool that was removed loses all', async () => {
    await definePool()
    await keep(here, hall)
    await send('a', 'b', 'c')
    await hall.worker('images-2').finish()
    await here.clock.advance(15_000)
    await definePool({ maxCapacity: 1 })
    await settled()
    expect(hall.worker('images-1').told).toEqual(['warm'])
    expect(await states(here.broker)).toContain('images-1 stopping')
    await poolsOf(here.broker).change('images', () => undefined)
    await settled()
    for (const id of hall.ids) await hall.drained(id)
    expect(await states(here.broker)).toEqual([])
    await send('d')
    expect(hall.ids).toEqual([])
  })

  test('a worker of great age is drained and replaced, one after the other, and no task is lost', async () => {
    await definePool({ minCapacity: 2, maxCapacity: 3, lifecycle: { maxLifetime: 3600 } })
    await keep(here, hall)
    await send('a', 'b')
    await here.clock.advance(3_600_000)
    const [old] = hall.ids
    expect(await states(here.broker)).toEqual(['images-1 stopping', 'images-2 running', 'images-3 running'])
    expect(hall.worker(old as string).running.map(({ message }) => message.id)).toHaveLength(1)
    await here.clock.advance(600_000)
    await hall.drained(old as string)
    expect((await here.broker.results.get(['a', 'b'])).map(({ state }) => state).sort()).toEqual(['completed', 'running'])
    await here.clock.advance(1000)
    expect(await states(here.broker)).toEqual(['images-2 stopping', 'images-3 running', 'images-4 running'])
  })

  test('a drain that takes longer than it may is cut short, and its task runs elsewhere', async () => {
    await definePool({ minCapacity: 1, maxCapacity: 2, lifecycle: { maxLifetime: 3600, drainTimeout: 60 } })
    await keep(here, hall)
    await send('a')
    await here.clock.advance(3_600_000)
    const first = hall.worker('images-1')
    expect(first.told).toEqual(['warm'])
    await here.clock.advance(59_000)
    expect(first.told).toEqual(['warm'])
    await here.clock.advance(1000)
    expect(first.told).toEqual(['warm', 'cold'])
    expect(hall.worker('images-2').recorder.names).toEqual(['a'])
  })
})

describe('crashes', () => {
  test('a worker that was killed is replaced at once, and its task runs there', async () => {
    await definePool({ minCapacity: 1 })
    await keep(here, hall)
    await send('a')
    await here.clock.advance(20_000)
    await hall.crash('images-1')
    expect(hall.ids).toEqual(['images-2'])
    expect(hall.worker('images-2').recorder.names).toEqual(['a'])
    expect(await poolsOf(here.broker).standing('images')).toMatchObject({ failures: 0 })
  })

  test('workers that fail to start put the pool into quarantine: tried one by one, ever less often, until one stays', async () => {
    await definePool({ minCapacity: 2 })
    hall.behaviour = { failing: 'exit code 2: expected tasks.ts to load' }
    await keep(here, hall)
    expect(hall.launches).toHaveLength(4)
    await here.clock.advance(1000)
    expect(hall.launches).toHaveLength(6)
    const standing = await poolsOf(here.broker).standing('images')
    expect(standing).toMatchObject({ failures: 3, reason: 'exit code 2: expected tasks.ts to load' })
    await here.clock.advance(4900)
    expect(hall.launches).toHaveLength(6)
    await here.clock.advance(200)
    expect(hall.launches).toHaveLength(7)
    await here.clock.advance(300_000)
    expect(hall.launches.length).toBeLessThan(15)
    hall.behaviour = {}
    await here.clock.advance(300_000)
    expect(hall.ids).toHaveLength(2)
    expect(await poolsOf(here.broker).standing('images')).toMatchObject({ failures: 0 })
  })

  test('someone who mends it need not wait', async () => {
    await definePool({ minCapacity: 1 })
    hall.behaviour = { refused: 'spawn ENOENT' }
    await keep(here, hall)
    await here.clock.advance(100_000)
    expect((await poolsOf(here.broker).standing('images')).reason).toBe('it could not be launched: spawn ENOENT')
    hall.behaviour = {}
    await poolsOf(here.broker).changeStanding('images', ({ paused, launched }) => ({ paused, launched, failures: 0 }))
    await settled()
    expect(hall.ids).toHaveLength(1)
  })

  test('a worker that never takes tasks is killed and replaced', async () => {
    await definePool({ minCapacity: 1, lifecycle: { registrationTimeout: 30 } })
    hall.behaviour = { mute: true }
    await keep(here, hall)
    await here.clock.advance(29_000)
    expect(hall.ids).toEqual(['images-1'])
    hall.behaviour = {}
    await here.clock.advance(2000)
    expect(await states(here.broker)).toEqual(['images-2 running'])
    expect(await poolsOf(here.broker).standing('images')).toMatchObject({
      failures: 1,
      reason: 'it took no tasks, and was killed',
    })
  })

  test('a worker that is frozen is killed and replaced soon after its tasks went elsewhere', async () => {
    await definePool({ minCapacity: 1 })
    await keep(here, hall)
    await here.clock.advance(20_000)
    const frozen = hall.worker('images-1')
    frozen.pause()
    here.backend.liveness.drop(frozen.holder)
    await here.clock.advance(4000)
    expect(frozen.told).toEqual([])
    await here.clock.advance(1500)
    expect(frozen.told).toEqual(['kill'])
    expect(await states(here.broker)).toEqual(['images-2 running'])
  })

  test('a paused pool launches nothing until it is resumed', async () => {
    await definePool({ minCapacity: 1 })
    await poolsOf(here.broker).changeStanding('images', (known) => ({ ...known, paused: true }))
    await keep(here, hall)
    await send('a')
    await here.clock.advance(60_000)
    expect(hall.launches).toEqual([])
    await poolsOf(here.broker).changeStanding('images', (known) => ({ ...known, paused: false }))
    await settled()
    expect(hall.worker('images-1').recorder.names).toEqual(['a'])
  })
})

describe('several provisioners', () => {
  test('together they keep the bounds, and replace each other', async () => {
    await definePool({ maxCapacity: 3 })
    const there = new Hall(here, { group: 'there' })
    const [ours, theirs] = [await keep(here, hall), await keep(here, there)]
    await send('a', 'b', 'c', 'd', 'e')
    await here.clock.advance(1000)
    expect(hall.ids.length + there.ids.length).toBe(3)
    const running = await states(here.broker)
    expect(running).toHaveLength(3)
    void ours.provisioner.close()
    await settled()
    for (const id of hall.ids) await hall.drained(id)
    await here.clock.advance(200)
    expect(hall.ids).toEqual([])
    expect(there.ids.length).toBeGreaterThan(0)
    expect((await states(here.broker)).every((state) => state.endsWith('running'))).toBe(true)
    void theirs.provisioner.close()
  })

  test('what a dead one has launched is counted until it has ended, and then launched anew', async () => {
    await definePool({ minCapacity: 1, maxCapacity: 1 })
    const first = await keep(here, hall)
    await send('a')
    await here.clock.advance(1000)
    const [worker] = await poolsOf(here.broker).workers('images')
    const there = new Hall(here, { group: 'there' })
    await keep(here, there)
    expect(there.ids).toEqual([])
    await first.broker.close()
    here.backend.liveness.drop(worker?.launchedBy as string)
    await hall.stop('images-1', 'warm')
    await settled()
    expect(await states(here.broker)).toEqual(['images-1 stopping'])
    expect(there.ids).toEqual([])
    await hall.drained('images-1')
    expect(await states(here.broker)).toEqual(['images-2 running'])
    expect(there.ids).toEqual(['images-2'])
  })
})

describe('closing', () => {
  test('workers finish what they run, and nothing is launched any more', async () => {
    await definePool({ minCapacity: 1 })
    const { provisioner } = await keep(here, hall)
    await send('a', 'b')
    const closed = provisioner.close()
    await send('c')
    expect((await states(here.broker)).every((state) => state.endsWith('stopping'))).toBe(true)
    for (const id of hall.ids) await hall.drained(id)
    await closed
    await here.clock.advance(60_000)
    expect(hall.ids).toEqual([])
    expect((await here.broker.results.get(['a', 'b', 'c'])).map(({ state }) => state)).toEqual([
      'completed',
      'completed',
      'pending',
    ])
  })

  test('cold, it gives back what runs', async () => {
    await definePool()
    const { provisioner } = await keep(here, hall)
    await send('a')
    const closed = provisioner.close()
    await settled()
    await provisioner.close({ cold: true })
    await closed
    expect((await here.broker.results.get(['a'])).map(({ state }) => state)).toEqual(['pending'])
  })
})
