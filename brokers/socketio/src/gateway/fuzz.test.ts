/** Whatever a socket says, the gateway stands, and other workers work on. */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { limits } from '../wire/limits.ts'
import { GatewayWorld, job, type Place, within } from './fixtures/gateway-world.ts'

let world: GatewayWorld
let place: Place
beforeEach(async () => {
  world = new GatewayWorld()
  place = await world.place()
})
afterEach(() => world.close())

const events = [
  'connect',
  'task.done',
  'task.fail',
  'task.heartbeat',
  'task.progress',
  'capacity',
  'drain',
  'leave',
  'error',
  'batch',
]

/** What looks like a frame, and what does not. */
const argument = fc.oneof(
  fc.jsonValue(),
  fc.array(fc.tuple(fc.constantFrom('worker.task.done', 'worker.task.fail', 'x'), fc.jsonValue())),
  fc.constantFrom('bad', 'x'.repeat(300), '__proto__', ''),
  fc.record(
    {
      ...{ id: fc.oneof(fc.constantFrom('a', 'b'), fc.jsonValue()), lease: fc.oneof(fc.constant('run-0'), fc.jsonValue()) },
      ...{ success: fc.oneof(fc.boolean(), fc.jsonValue()), results: fc.jsonValue(), free: fc.jsonValue() },
      ...{ protocol: fc.constant(1), instance: fc.constantFrom('i', 'j'), capacity: fc.jsonValue(), resume: fc.jsonValue() },
    },
    { requiredKeys: [] },
  ),
)
const frames = fc.array(fc.tuple(fc.constantFrom(...events), fc.array(argument, { maxLength: 3 }), fc.boolean()), {
  maxLength: 30,
})

test('frames of chance harm nobody else', async () => {
  const good = await world.worker(place).register('w')
  let sent = 0
  await fc.assert(
    fc.asyncProperty(frames, fc.boolean(), async (all, isRegistered) => {
      const bad = world.worker(place, { reconnection: false })
      await bad.next('connect')
      if (isRegistered) bad.socket.emit('worker.connect', 'bad')
      for (const [event, args, asks] of all) bad.socket.emit(`worker.${event}`, ...args, ...(asks ? [() => {}] : []))
      const id = `t${sent++}`
      await place.broker.tasks.send([job(id)])
      expect((await good.task()).id).toBe(id)
      good.done(id)
      await within(place.broker.results.wait(id), 'the result')
      bad.close()
    }),
    { numRuns: 60 },
  )
  await expect.poll(() => place.gateway.sessions().map(({ id }) => id)).toEqual(['w'])
})

test('a socket that says nothing right is closed in the end, with a word', async () => {
  const bad = world.worker(place, { reconnection: false })
  await bad.next('connect')
  for (let i = 0; i < 101; i++) bad.socket.emit('worker.connect')
  expect(await bad.next('disconnect')).toEqual(['transport close'])
  for (let i = 0; i < 101; i++)
    expect(await bad.next('worker.error')).toEqual([expect.stringMatching(/^worker\.connect: expected/)])
  expect(await bad.next('worker.error')).toEqual(['too many frames that are wrong; the connection is closed'])
})

test.each(['polling', 'websocket'])('a message that is too large ends its connection alone, over %s', async (transport) => {
  const good = await world.worker(place).register('w')
  const bad = world.worker(place, { reconnection: false, transports: [transport] })
  await bad.next('connect')
  bad.socket.emit('worker.connect', 'x'.repeat(limits.messageBytes + 1))
  expect(await bad.next('disconnect')).toEqual([expect.stringMatching(/^transport (close|error)$/)])
  await place.broker.tasks.send([job('a')])
  expect(await good.task()).toMatchObject({ id: 'a' })
})
