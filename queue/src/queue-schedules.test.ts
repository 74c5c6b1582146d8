import type { TaskState } from '@lovage/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Recorder, settled, type World, world } from './fixtures/world.ts'

let w: World
const minute = 60_000
beforeEach(async () => {
  w = await world()
})
afterEach(() => w.close())

const schedules = () => {
  const { admin } = w.broker
  if (admin === undefined) throw new TypeError('the queue has an admin')
  return admin.schedules
}
const every = { name: 'tick', everyMs: minute, task: 'job', input: { n: 1 } }

test('an interval fires at its times, the task carries input and the time it was meant for', async () => {
  await schedules().add(every)
  const recorder = await new Recorder().open(w.broker)
  const start = w.clock.now()
  await w.clock.advance(3 * minute)
  expect(recorder.deliveries.map((delivery) => delivery.message.input)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }])
  expect(recorder.deliveries[0]?.message.headers).toEqual({ schedule: 'tick', scheduledFor: start + minute })
})

test('its task carries arguments for other languages', async () => {
  await schedules().add({ ...every, input: undefined, args: [2027], kwargs: { format: 'pdf' } })
  const [task] = (await w.broker.admin?.get([await schedules().run('tick')])) ?? []
  expect(task).toMatchObject({ input: 'null', extras: { args: [2027], kwargs: { format: 'pdf' } } })
  expect(await schedules().list()).toMatchObject([{ args: [2027], kwargs: { format: 'pdf' } }])
})

test("a schedule's tasks carry its limit of lost workers, and 5 where it names none", async () => {
  await schedules().add({ ...every, name: 'never-again', lostLimit: 0 })
  await schedules().add(every)
  const limits = await Promise.all(
    ['never-again', 'tick'].map(async (name) => (await w.broker.admin?.get([await schedules().run(name)]))?.[0]?.lostLimit),
  )
  expect(limits).toEqual([0, 5])
})

describe('a deadline', () => {
  const listener = { tasks: [{ name: 'another' }] }
  const brief = { ...every, everyMs: 10_000, deadlineMs: 15_000 }
  const byState = async (state: TaskState) => (await w.broker.admin?.find({ states: [state], limit: 1000 }))?.tasks ?? []

  test('ends the firings that nobody begins, so that an outage leaves few', async () => {
    await new Recorder().open(w.broker, listener)
    await schedules().add(brief)
    await w.clock.advance(100 * 10_000)
    expect((await byState('pending')).length).toBeLessThanOrEqual(2)
    const ended = await byState('exception')
    expect(ended.length).toBeGreaterThanOrEqual(98)
    expect(new Set(ended.map(({ reason }) => reason))).toEqual(new Set(['deadline-exceeded']))
  })

  test('wakes those who end tasks for a firing by hand, however long they would have slept', async () => {
    await new Recorder().open(w.broker, listener)
    await schedules().add({ ...brief, everyMs: 10 * 86_400_000 })
    await w.clock.advance(1000)
    const id = await (await w.another()).admin?.schedules.run('tick')
    const sweeps = w.calls.sweep
    await w.clock.advance(14_900)
    expect(await w.broker.results.get([`${id}`])).toMatchObject([{ state: 'pending' }])
    expect(w.calls.sweep).toBe(sweeps)
    await w.clock.advance(200)
    expect(await w.broker.results.get([`${id}`])).toMatchObject([{ state: 'exception', reason: 'deadline-exceeded' }])
  })

  test.for([
    ['one', 1],
    ['all', 10],
  ] as const)('counts from when a missed firing is made up for: %s', async ([missed, count]) => {
    await schedules().add({ ...every, deadlineMs: 1000, missed })
    await w.clock.advance(10 * minute + 30_000)
    const recorder = new Recorder()
    recorder.outcome = () => ({ type: 'completed', result: null })
    await recorder.open(w.broker, { prefetch: 100 })
    await settled()
    expect(recorder.deliveries.map(({ message }) => message.deadline)).toEqual(Array(count).fill(w.clock.now() + 1000))
    expect(await byState('completed')).toHaveLength(count)
  })

  test('leaves the other limits to the schedule and the definition, and holds for what fires after it was declared', async () => {
    await schedules().add(every)
    const before = await schedules().run('tick')
    expect(await schedules().add({ ...every, deadlineMs: 15_000, lostLimit: 2 })).toMatchObject({ deadlineMs: 15_000 })
    expect(await schedules().list()).toMatchObject([{ deadlineMs: 15_000 }])
    const tasks = (await w.broker.admin?.get([before, await schedules().run('tick')])) ?? []
    expect(tasks.map((task) => task?.deadline)).toEqual([undefined, w.clock.now() + 15_000])
    expect(tasks[1]).toMatchObject({ lostLimit: 2, retryLimit: tasks[0]?.retryLimit })
    expect(tasks[1]?.extras).not.toHaveProperty('timeoutMs')
  })
})

test('a cron line fires in its zone', async () => {
  const added = await schedules().add({ name: 'nine', cron: '0 9 * * *', zone: 'America/New_York', task: 'job' })
  const at = new Intl.DateTimeFormat('en', { timeZone: 'America/New_York', hour: 'numeric', hour12: false }).format(added.nextAt)
  expect(at).toBe('09')
})

test('two processes fire once', async () => {
  await schedules().add(every)
  const one = await new Recorder().open(w.broker)
  const two = await new Recorder().open(await w.another(), { worker: 'two@host' })
  await w.clock.advance(5 * minute)
  expect(one.names.length + two.names.length).toBe(5)
  expect(new Set([...one.names, ...two.names]).size).toBe(5)
})

test('a schedule added while everybody sleeps wakes them in time', async () => {
  const recorder = await new Recorder().open(w.broker)
  await w.clock.advance(1000)
  await (await w.another()).admin?.schedules.add(every)
  await w.clock.advance(minute)
  expect(recorder.names).toHaveLength(1)
})

test('what was missed while nothing ran is made up for by policy', async () => {
  await schedules().add({ ...every, name: 'one', missed: 'one' })
  await schedules().add({ ...every, name: 'all', missed: 'all' })
  await schedules().add({ ...every, name: 'skip', missed: 'skip' })
  await w.clock.advance(10 * minute + 30_000)
  const recorder = await new Recorder().open(w.broker, { prefetch: 100 })
  await settled()
  const count = (name: string) => recorder.deliveries.filter((delivery) => delivery.message.headers?.schedule === name).length
  expect([count('one'), count('all'), count('skip')]).toEqual([1, 10, 0])
})

test('pause, resume, run by hand, remove', async () => {
  await schedules().add(every)
  const recorder = await new Recorder().open(w.broker)
  expect(await schedules().pause('tick')).toBe(true)
  await w.clock.advance(3 * minute)
  expect(recorder.names).toEqual([])
  const id = await schedules().run('tick')
  await settled()
  expect(recorder.names).toEqual([id])
  expect(await schedules().resume('tick')).toBe(true)
  await w.clock.advance(minute)
  expect(recorder.names).toHaveLength(2)
  expect(await schedules().remove('tick')).toBe(true)
  await w.clock.advance(3 * minute)
  expect(recorder.names).toHaveLength(2)
  expect(await schedules().list()).toEqual([])
})

test('mistakes are refused', async () => {
  const bad = (spec: object) => expect(schedules().add({ name: 'x', task: 'job', ...spec })).rejects
  await bad({}).toMatchObject({ code: 'SCHEDULE_INVALID' })
  await bad({ cron: '61 * * * *' }).toMatchObject({ code: 'CRON_INVALID' })
  await bad({ cron: '2030-01-01T00:00:00' }).toMatchObject({ code: 'CRON_INVALID' })
  await bad({ cron: '* * * * *', zone: 'Mars/Base' }).toMatchObject({ code: 'CRON_INVALID' })
  await bad({ everyMs: 1 }).toMatchObject({ code: 'SCHEDULE_INVALID' })
  await bad({ everyMs: minute, deadlineMs: 0 }).toMatchObject({ code: 'SCHEDULE_INVALID' })
  await bad({ everyMs: minute, input: 1n }).toMatchObject({ code: 'INPUT_UNSERIALIZABLE' })
  await expect(schedules().run('x')).rejects.toMatchObject({ code: 'SCHEDULE_UNKNOWN' })
  expect(await schedules().pause('x')).toBe(false)
  expect(await schedules().remove('x')).toBe(false)
})

test('declaring a schedule again, as programs do when they start, keeps what it missed and that it was paused', async () => {
  await schedules().add(every)
  await w.clock.advance(10 * minute + 30_000)
  await schedules().add({ ...every, input: { n: 2 } })
  const recorder = await new Recorder().open(w.broker)
  expect(recorder.deliveries.map((delivery) => delivery.message.input)).toEqual([{ n: 2 }])
  await schedules().pause('tick')
  expect(await schedules().add(every)).toMatchObject({ paused: true })
  await w.clock.advance(3 * minute)
  expect(recorder.names).toHaveLength(1)
})

test('one that is new may begin paused', async () => {
  expect(await schedules().add({ ...every, paused: true })).toMatchObject({ paused: true, nextAt: undefined })
  await schedules().resume('tick')
  expect(await schedules().add({ ...every, paused: true })).toMatchObject({ paused: false, nextAt: expect.any(Number) })
})

test('a cron line that never comes is refused', async () => {
  await expect(schedules().add({ name: 'never', cron: '0 0 30 2 *', task: 'job' })).rejects.toMatchObject({
    code: 'SCHEDULE_INVALID',
  })
})
