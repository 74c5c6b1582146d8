/** Workers of L0 on Debian's python-socketio. One of L1 is in examples/socket-workers. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GatewayWorld, job, stored, within } from './fixtures/gateway-world.ts'
import { Program } from './fixtures/program.ts'

let world: GatewayWorld
const programs: Program[] = []
beforeEach(() => {
  world = new GatewayWorld()
})
afterEach(async () => {
  for (const program of programs.splice(0)) program.kill('SIGKILL')
  await world.close()
})

async function worker(url: string, id: string, transport: string): Promise<Program> {
  const started = new Program('plain-worker.py', url, id, transport)
  programs.push(started)
  expect(await started.line()).toBe('registered')
  return started
}

test.each(['polling', 'websocket'])('registers, runs tasks and fails one, over %s alone', async (transport) => {
  const place = await world.place()
  const python = await worker(place.url, 'w', transport)
  await place.broker.tasks.send([job('a'), job('b', { input: { broken: true } })])
  expect([await python.line(), await python.line()]).toEqual(['task a', 'task b'])
  const result = await within(place.broker.results.wait('a'), 'the result')
  expect(result).toMatchObject({ state: 'completed', result: { of: 'a' } })
  expect(await python.line()).toMatch(/^error: paused until .*: no disk$/)
  expect(place.gateway.sessions()).toMatchObject([{ id: 'w', level: 0, paused: { reason: 'no disk' } }])
})

test('is noticed when it is frozen, and comes back when it wakes', async () => {
  const place = await world.place({ grace: 0, ping: { interval: '500ms', timeout: '1500ms' } })
  const python = await worker(place.url, 'w', 'websocket')
  await place.broker.tasks.send([job('a', { input: { stuck: true } })])
  expect(await python.line()).toBe('task a')
  python.kill('SIGSTOP')
  const other = world.worker(place)
  await other.registerAs('other', { queues: ['w'] })
  expect((await other.task()).id).toBe('a')
  expect(await stored(place, 'a')).toMatchObject({ run: 1, lost: 1 })
  python.kill('SIGCONT')
  expect(await python.line()).toBe('registered')
})

test('that is killed leaves its task to another within the grace', async () => {
  const place = await world.place({ grace: '200ms' })
  const python = await worker(place.url, 'w', 'polling')
  await place.broker.tasks.send([job('a', { input: { stuck: true } })])
  expect(await python.line()).toBe('task a')
  const other = await world.worker(place).register('w')
  python.kill('SIGKILL')
  expect((await other.task()).id).toBe('a')
})
