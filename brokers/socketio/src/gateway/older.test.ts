/** Workers of the original's first weeks at the gateway. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GatewayWorld, job, type Place, stored, within } from './fixtures/gateway-world.ts'

let world: GatewayWorld
let place: Place
beforeEach(async () => {
  world = new GatewayWorld()
  place = await world.place()
})
afterEach(() => world.close())

test('join by a name, get what their config lets in, respond, and leave', async () => {
  const worker = world.worker(place)
  await worker.next('connect')
  const config = { of: ['string', 'nobody'], count: ['number', 1], done: ['function', null], more: ['nestable', {}] }
  worker.socket.emit('worker.join', { name: 'w', config })
  expect(await worker.next('worker.join')).toEqual([])
  await place.broker.tasks.send([job('a'), job('bad', { input: { of: 'bad', count: 'one' } }), job('b')])
  expect(await worker.task()).toEqual({ id: 'a', properties: { of: 'a' } })
  worker.socket.emit('worker.task.done', { id: 'a', response: { said: 'a' } })
  expect(await worker.task()).toEqual({ id: 'b', properties: { of: 'b' } })
  const ends = await Promise.all(['a', 'bad'].map((id) => within(place.broker.results.wait(id), `the end of ${id}`)))
  expect(ends).toMatchObject([
    { state: 'completed', result: { said: 'a' } },
    { state: 'exception', reason: 'malformed-payload' },
  ])
  expect((await stored(place, 'bad')).failure?.message).toMatch(/^expected `input.count` to be a number, got: "one"/)
  worker.socket.emit('worker.task.fail', { id: 'b', response: { code: 7 } })
  expect((await worker.next('worker.error'))[0]).toMatch(/^paused until .*: \{"code":7\}$/)
  worker.socket.emit('worker.leave')
  expect(await worker.next('disconnect')).toEqual(['io server disconnect'])
})

test.each([
  [undefined, 'expected the frame to be an object, got: undefined'],
  [{ name: 'a b' }, 'expected `id` to be a text of 1 to 200 characters without spaces, got: "a b"'],
  [{ name: 'w', config: [] }, 'expected `config` to be an object, got: []'],
  [
    { name: 'w', config: { of: ['date', 0] } },
    'expected `config.of` to be a list that begins with string | number | boolean | array | object | function | nestable, got: ["date",0]',
  ],
])('are told what is wrong as they join: %j', async (frame, message) => {
  const worker = world.worker(place)
  await worker.next('connect')
  worker.socket.emit('worker.join', frame)
  expect(await worker.next('worker.error')).toEqual([`worker.join: ${message}`.replace('undefined', 'null')])
})
