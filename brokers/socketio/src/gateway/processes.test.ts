/** Workers and gateways in processes of their own that are killed and frozen, on a store in a file. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqliteBackend } from '@lovage/store-sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GatewayWorld, job, type Place, stored, within } from './fixtures/gateway-world.ts'
import { Program } from './fixtures/program.ts'

let directory: string
let world: GatewayWorld
const programs: Program[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lovage-gateway-'))
  world = new GatewayWorld(await sqliteBackend(join(directory, 'lovage.db')))
})
afterEach(async () => {
  for (const program of programs.splice(0)) program.kill('SIGKILL')
  await world.close()
  await rm(directory, { recursive: true })
})

function program(name: string, ...args: readonly string[]): Program {
  const started = new Program(name, ...args)
  programs.push(started)
  return started
}

/** A worker process that has begun task `a`, and another that waits for one. */
async function twoWorkers(place: Place): Promise<readonly [Program, Program]> {
  const [first, second] = [program('worker-process.ts', place.url, 'w', 'w'), program('worker-process.ts', place.url, 'v', 'w')]
  expect([await first.line(), await second.line()]).toEqual(['connected', 'connected'])
  await place.broker.tasks.send([job('a')])
  // Either may get it.
  const [one, other] = [first.line(), second.line()]
  const busy = await Promise.race([one.then(() => first), other.then(() => second)])
  const idle = busy === first ? second : first
  const lineOf = idle === first ? one : other
  idle.line = () => lineOf
  return [busy, idle]
}

test('a worker that is killed leaves its task to another at once', async () => {
  const place = await world.place({ grace: 0 })
  const [busy, idle] = await twoWorkers(place)
  busy.kill('SIGKILL')
  expect(await idle.line()).toBe('begins a')
  expect(await stored(place, 'a')).toMatchObject({ run: 1, lost: 1, runs: [{ outcome: 'lost' }] })
})

test('a frozen worker is noticed, and stops its run when it wakes', async () => {
  const place = await world.place({ grace: 0, ping: { interval: '500ms', timeout: '1500ms' } })
  const [busy, idle] = await twoWorkers(place)
  busy.kill('SIGSTOP')
  expect(await idle.line()).toBe('begins a')
  busy.kill('SIGCONT')
  // It hears of its loss as it comes back, in either order.
  expect([await busy.line(), await busy.line()].sort()).toEqual(['aborts a', 'connected'])
  expect(await stored(place, 'a')).toMatchObject({ state: 'running', run: 1 })
})

test('two gateways share the work; a cancellation at one reaches a worker at the other', async () => {
  const other = await sqliteBackend(join(directory, 'lovage.db'))
  try {
    const here = await world.place()
    const there = await world.place({}, other)
    const worker = program('worker-process.ts', there.url, 'w', 'w')
    expect(await worker.line()).toBe('connected')
    await here.broker.tasks.send([job('a', { input: { quick: true } }), job('b')])
    expect(await within(here.broker.results.wait('a'), 'the result')).toMatchObject({ state: 'completed', result: 'by w' })
    expect([await worker.line(), await worker.line()]).toEqual(['begins a', 'begins b'])
    expect(await here.broker.tasks.cancel(['b'])).toEqual([true])
    expect(await worker.line()).toBe('aborts b')
  } finally {
    await world.close()
    await other.close()
    world = new GatewayWorld(await sqliteBackend(join(directory, 'lovage.db')))
  }
})

test('a worker whose gateway was killed goes on with its task at another', async () => {
  const gateway = program('gateway-process.ts', join(directory, 'lovage.db'))
  const worker = world.worker({ url: await gateway.line() }, { reconnection: false })
  await worker.registerAs('w')
  const place = await world.place()
  await place.broker.tasks.send([job('a')])
  const { lease } = await worker.task()
  gateway.kill('SIGKILL')
  await worker.next('disconnect')
  const back = world.worker(place)
  expect(await back.registerAs('w', { resume: [{ id: 'a', lease: lease?.id }] })).toMatchObject({ resumed: ['a'] })
  expect(await back.ask('worker.task.done', { id: 'a', lease: lease?.id, success: true, results: 1 })).toEqual({ ok: true })
  expect(await stored(place, 'a')).toMatchObject({ state: 'completed', result: '1', run: 0, lost: 0 })
})
