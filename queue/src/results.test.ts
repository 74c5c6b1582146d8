import { afterEach, beforeEach, expect, test } from 'vitest'
import { deafSignal, job, Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w.close())

test('waiting ends when the task is resolved, in another process too', async () => {
  await w.broker.tasks.send([job('a')])
  const waiting = (await w.another()).results.wait('a')
  const recorder = await new Recorder().open(w.broker)
  await recorder.delivery('a').settle({ type: 'completed', result: 42 })
  expect(await waiting).toMatchObject({ id: 'a', name: 'job', state: 'completed', result: 42 })
})

test('a task that is over is answered at once', async () => {
  await w.broker.tasks.send([job('a')])
  await w.broker.tasks.cancel(['a'])
  expect(await w.broker.results.wait('a')).toMatchObject({ state: 'exception' })
})

test('a wait that takes too long is refused, and the task goes on', async () => {
  await w.broker.tasks.send([job('a')])
  const waiting = w.broker.results.wait('a', { timeoutMs: 5_000 })
  const refused = expect(waiting).rejects.toMatchObject({ code: 'WAIT_TIMEOUT', retryable: true })
  await w.clock.advance(5_000)
  await refused
  expect(await w.broker.results.get(['a'])).toMatchObject([{ state: 'pending' }])
})

test('nobody waits for a task that does not exist', async () => {
  await expect(w.broker.results.wait('nobody')).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
})

test('where the signal is lost the slow check answers', async () => {
  const deaf = await w.another({ signal: deafSignal })
  await w.broker.tasks.send([job('a')])
  let answer: unknown
  void deaf.results.wait('a').then((result) => {
    answer = result
  })
  await settled()
  await w.broker.tasks.cancel(['a'])
  await w.clock.advance(29_000)
  expect(answer).toBeUndefined()
  await w.clock.advance(1_001)
  expect(answer).toMatchObject({ state: 'exception' })
})

test('many who wait are answered with few questions', async () => {
  const ids = Array.from({ length: 500 }, (_, i) => `t${i}`)
  await w.broker.tasks.send(ids.map((id) => job(id)))
  const waiting = ids.map((id) => w.broker.results.wait(id))
  await settled()
  const questions = w.calls.get ?? 0
  const recorder = new Recorder()
  recorder.outcome = () => ({ type: 'completed', result: null })
  await recorder.open(w.broker, { prefetch: 500 })
  await Promise.all(waiting)
  expect((w.calls.get ?? 0) - questions).toBeLessThan(20)
})

test('closing the broker ends every wait', async () => {
  await w.broker.tasks.send([job('a')])
  const waiting = expect(w.broker.results.wait('a')).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await settled()
  await w.broker.close()
  await waiting
})
