/** What workers may send by their tokens. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { workerTokens } from '../../tokens/worker-tokens.ts'
import { GatewayWorld, job, type Place, stored, type TestWorker } from '../fixtures/gateway-world.ts'

let world: GatewayWorld
let place: Place
beforeEach(async () => {
  world = new GatewayWorld()
  place = await world.place()
})
afterEach(() => world.close())

const uuid = '01a2020d-00c1-7000-803f-14e6ae44fdb2'
const message = (more: object): object => ({ id: uuid, name: 'job', queue: 'w', priority: 4, ...more })

async function guest(queues: readonly string[]): Promise<TestWorker> {
  const { token } = await workerTokens(place.broker).create({ queues })
  const worker = world.worker(place, { auth: { token } })
  await worker.next('connect')
  return worker
}

it('takes from a token for some queues no id that could be guessed, whether or not it is taken', async () => {
  await place.broker.tasks.send([job('theirs', { queue: 'other' })])
  const worker = await guest(['w'])
  const refusal = { ok: false, code: 'SCOPES_INSUFFICIENT', message: expect.stringContaining('without an id of its own') }
  for (const id of ['theirs', 'not-yet-theirs', 'schedule:daily:1795330800000']) {
    expect(await worker.ask('worker.send', [message({ id })])).toEqual(refusal)
  }
  expect(await worker.ask('worker.send', [message({})])).toMatchObject({ ok: true, receipts: [{ status: 'sent' }] })
  expect(await worker.ask('worker.send', [message({})])).toMatchObject({ ok: true, receipts: [{ status: 'existing' }] })
})

it('takes any id by a token for all queues', async () => {
  const worker = await guest(['*'])
  expect(await worker.ask('worker.send', [message({ id: 'mine' })])).toMatchObject({ ok: true })
  expect(await stored(place, 'mine')).toMatchObject({ queue: 'w' })
})
