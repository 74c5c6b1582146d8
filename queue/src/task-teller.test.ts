/** What other systems are told of tasks: every run that ends, and where the task goes from there. */
import type { Task, TaskNewsKind } from '@lovage/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { job, Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
let told: string[]
let last: Task | undefined
beforeEach(async () => {
  told = []
  w = await world()
})
afterEach(() => w.close())

function telling() {
  const tell = (kind: TaskNewsKind, task: Task, run?: number) => {
    last = task
    told.push(`${kind} ${task.id}${run === undefined ? '' : ` run ${run}`} ${task.state}`)
  }
  return w.another({ signal: { ...w.backend.signal, news: { tell } } })
}

test('a task that is sent, retried, lost and completed', async () => {
  const broker = await telling()
  await broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(broker)
  await recorder.delivery('a').settle({ type: 'retried', delayMs: 0, limit: 5, failure: { name: 'Error', message: 'x' } })
  await settled()
  recorder.consumer.pause()
  w.backend.liveness.drop(recorder.consumer.holder)
  await settled()
  const other = await new Recorder().open(broker)
  await other.delivery('a').settle({ type: 'completed', result: 1 })
  await settled()
  expect(told).toEqual([
    'defined a pending',
    'pending a pending',
    'running a running',
    'exception a run 0 pending',
    'pending a pending',
    'running a running',
    'exception a run 1 pending',
    'pending a pending',
    'running a running',
    'completed a completed',
  ])
  expect(last).toMatchObject({ state: 'completed', run: 2, retries: 1, lost: 1, runs: [{ run: 0 }, { run: 1 }] })
  expect(last).not.toHaveProperty('holder', expect.anything())
})

test('a task that waits, is cancelled, and run again', async () => {
  const broker = await telling()
  await broker.tasks.send([job('a', { at: w.clock.now() + 1000 })])
  await broker.tasks.cancel(['a'])
  await broker.admin?.retry(['a'])
  expect(told).toEqual(['defined a scheduled', 'exception a exception', 'pending a pending'])
})

test('a task that is given back before it began is pending again', async () => {
  const broker = await telling()
  await broker.tasks.send([job('a')])
  const recorder = await new Recorder().open(broker)
  await recorder.consumer.close()
  expect(told).toEqual(['defined a pending', 'pending a pending', 'running a running', 'pending a pending'])
})

test('a task that a schedule sends is told of once, by whoever fires it first', async () => {
  const broker = await telling()
  const other = await telling()
  await broker.admin?.schedules.add({ name: 'tick', everyMs: 60_000, task: 'job', input: null })
  const [recorder] = [await new Recorder().open(broker), await new Recorder().open(other, { worker: 'two@host' })]
  recorder.consumer.pause()
  await w.clock.advance(60_000)
  expect(told.filter((line) => /^(defined|pending) schedule:tick:/.test(line))).toHaveLength(2)
  expect(await broker.admin?.schedules.run('tick')).toBeDefined()
  expect(told.filter((line) => line.startsWith('defined'))).toHaveLength(2)
})
