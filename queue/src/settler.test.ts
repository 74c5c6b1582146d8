/** Outcomes that fall together stand or fall each for itself. */
import { ConfigError, type Task } from '@lovage/core'
import { expect, onTestFinished, test } from 'vitest'
import { job, world } from './fixtures/world.ts'

test('an outcome that cannot be written keeps no others from being written', async () => {
  const { broker, backend, clock, close } = await world()
  onTestFinished(close)
  const { desk, tasks } = broker
  await tasks.send([job('a'), job('b'), job('c')])
  const { store } = backend
  const update = store.update.bind(store)
  store.update = async (changes, options) => {
    if (changes.some(({ id }) => id === 'b')) throw new ConfigError('NAME_INVALID', 'expected texts without NUL')
    return update(changes, options)
  }
  const wish = { queues: ['default'], holder: 'h1', worker: 'w1@group', limit: 3, leaseMs: 10_000, waitMs: 0 }
  const claimed: readonly Task[] = (await desk?.claim(wish)) ?? []
  const done = { type: 'completed', startedAt: clock.now(), result: 'null' } as const
  const said = await Promise.allSettled(claimed.map((task) => desk?.settle(task, done)))
  expect(said).toMatchObject([{ value: true }, { reason: { code: 'NAME_INVALID' } }, { value: true }])
  expect((await store.get(['a', 'b', 'c'])).map((task) => task?.state)).toEqual(['completed', 'running', 'completed'])
})
