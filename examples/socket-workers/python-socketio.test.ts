/** The worker in Python, on Debian's python-socketio, at a real gateway. */
import { pythonWithSocketio } from '@lovage/services'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { Stage } from './fixtures/stage.ts'

let python: string
let stage: Stage
beforeAll(() => {
  python = pythonWithSocketio() ?? ''
})
afterEach(() => stage.close())

it('counts, and is kept from what its schema refuses', async () => {
  stage = await Stage.open()
  await stage.worker(python, 'worker.py')
  expect(await stage.outcome('primes', { below: 10_000 }, 'a')).toMatchObject({ state: 'completed', result: 1229 })
  const refused = await stage.outcome('primes', { below: 1.5 }, 'b')
  expect(refused).toMatchObject({ state: 'exception', reason: 'malformed-payload' })
  expect(stage.gateway.sessions()).toMatchObject([{ id: 'primes', level: 1, capacity: 2 }])
})

it('says that it lives while it counts for longer than its lease', async () => {
  stage = await Stage.open({ lease: '3s' })
  await stage.worker(python, 'worker.py')
  expect(await stage.outcome('primes', { below: 1_500_000 }, 'long')).toMatchObject({ state: 'completed', result: 114_155 })
  expect(await stage.broker.admin?.get(['long'])).toMatchObject([{ run: 0, lost: 0 }])
})

it('goes on with what it has when it was cut off: one run, one result', async () => {
  stage = await Stage.open()
  const worker = await stage.worker(python, 'worker.py')
  const outcome = stage.outcome('primes', { below: 600_000 }, 'cut')
  await stage.running('cut')
  stage.cut()
  expect(await worker.line()).toBe('registered')
  expect(await outcome).toMatchObject({ state: 'completed', result: 49_098 })
  expect(await stage.broker.admin?.get(['cut'])).toMatchObject([{ run: 0, lost: 0 }])
})

it('leaves when it is told to, and its task goes elsewhere at once', async () => {
  stage = await Stage.open({ grace: '1 hour' })
  const [one] = [await stage.worker(python, 'worker.py')]
  const outcome = stage.outcome('primes', { below: 500_000 }, 'left')
  await stage.running('left')
  one.child.kill('SIGINT')
  const other = await stage.worker(python, 'worker.py')
  expect(await outcome).toMatchObject({ state: 'completed', result: 41_538 })
  expect(await stage.broker.admin?.get(['left'])).toMatchObject([{ run: 1, lost: 1 }])
  other.child.kill('SIGINT')
  expect(await other.ended).toEqual([0, null])
})
