/** Schedules as people write them: what is refused, and what does not compile. */
import { defineTask, type Schedule } from '@lovage/core'
import { describe, expect, test } from 'vitest'
import { type ClientSchedules, type ScheduleOptions, scheduleSpec } from './schedule-options.ts'

const report = defineTask({
  name: 'report',
  queue: 'slow',
  priority: 'low',
  lostLimit: 0,
  run: ({ kind }: { kind: string }) => kind,
})
const base = { name: 'nightly', task: report, input: { kind: 'sales' } }
const add =
  <Sent>(options: ScheduleOptions<Sent>) =>
  () =>
    scheduleSpec(options as never)

describe('a schedule', () => {
  test('has either a cron line, in a zone, or an interval', () => {
    expect(add({ ...base, cron: '@daily', zone: 'Europe/Paris' })()).toMatchObject({ cron: '@daily', zone: 'Europe/Paris' })
    expect(add({ ...base, every: '30s' })()).toMatchObject({ everyMs: 30_000, task: 'report', queue: 'slow', priority: 'low' })
    expect(add({ ...base, every: '30s', cron: undefined, zone: undefined })()).toMatchObject({ everyMs: 30_000 })
  })

  test("keeps the definition's limit of lost workers, unless it names its own", () => {
    expect(add({ ...base, every: '30s' })()).toMatchObject({ lostLimit: 0 })
    expect(add({ ...base, every: '30s', lostLimit: 2 })()).toMatchObject({ lostLimit: 2 })
    expect(add({ ...base, every: '30s', task: 'report' })().lostLimit).toBeUndefined()
  })

  test('has a deadline that is a duration above 0', () => {
    expect(add({ ...base, every: '30s', deadline: '15s' })()).toMatchObject({ deadlineMs: 15_000 })
    expect(add({ ...base, every: '30s', deadline: 1500 })()).toMatchObject({ deadlineMs: 1500 })
    expect(add({ ...base, every: '30s' })().deadlineMs).toBeUndefined()
    for (const [deadline, message] of [
      [0, '[schedule invalid] expected `deadline` of schedule nightly to be above 0, got: 0'],
      ['0s', 'to be above 0, got: 0s'],
      ['15', '[duration invalid] expected `deadline` to be a number of milliseconds or a text such as'],
      [-1, 'got: -1'],
      [new Date(0), '[duration invalid] expected `deadline`'],
    ] as const) {
      expect(add({ ...base, every: '30s', deadline: deadline as string })).toThrow(message)
    }
    // @ts-expect-error a moment is no duration
    const moment: ScheduleOptions = { ...base, every: '30s', deadline: new Date(0) }
    expect(moment.deadline).toBeInstanceOf(Date)
  })

  test('is refused with both and with neither, by the compiler too', () => {
    // @ts-expect-error both
    expect(add({ ...base, cron: '@daily', every: '30s' })).toThrow('to have either `cron` or `every`, got both')
    // @ts-expect-error neither
    expect(add(base)).toThrow('to have either `cron` or `every`, got neither')
    // @ts-expect-error neither, with a zone
    expect(add({ ...base, zone: 'UTC' })).toThrow('got neither')
    // @ts-expect-error an interval has no zone
    add({ ...base, every: '30s', zone: 'UTC' })
  })

  test('is refused with an option that is misspelt', () => {
    // @ts-expect-error `zonee` is no option
    expect(add({ ...base, cron: '@daily', zonee: 'x' })).toThrow(
      '[option invalid] expected an option of schedule nightly (name, cron, every, zone, task, input, args, kwargs, queue, priority, lostLimit, deadline, missed, paused, everyMs, deadlineMs, nextAt, lastAt), got: "zonee"; did you mean `zone`?',
    )
  })

  test('may be added again as it was listed, with a change', () => {
    const listed: Schedule = {
      name: 'nightly',
      everyMs: 30_000,
      zone: undefined,
      task: 'report',
      input: { kind: 'sales' },
      deadlineMs: 15_000,
      missed: 'skip',
      paused: true,
      nextAt: 60_000,
      lastAt: undefined,
    }
    const { nextAt: _, lastAt: __, ...spec } = listed
    expect(scheduleSpec(listed)).toEqual(spec)
    expect(scheduleSpec({ ...listed, everyMs: undefined, cron: '@daily' })).toEqual({
      ...spec,
      everyMs: undefined,
      cron: '@daily',
    })
    expect(scheduleSpec({ ...listed, every: '1m' })).toMatchObject({ everyMs: 60_000 })
    expect(scheduleSpec({ ...listed, deadline: '1m' })).toMatchObject({ deadlineMs: 60_000, everyMs: 30_000 })
    expect(scheduleSpec({ ...listed, cron: '@daily' })).toMatchObject({ cron: '@daily', everyMs: undefined })
    expect(() => scheduleSpec({ ...listed, everyMs: undefined, cron: '@daily', every: '1m' })).toThrow('got both')
    expect(() => scheduleSpec({ ...listed, everyMs: 0 })).toThrow('got: 0 (`everyMs`)')
    const typed = (schedules: ClientSchedules) => {
      void schedules.add(listed)
      void schedules.add({ ...listed, every: '1m', deadline: '15s' })
      // @ts-expect-error never
      void schedules.add({ name: 'a', task: 'by.name' })
    }
    expect(typed).toBeTypeOf('function')
  })

  test('may be an object that inherits its options', () => {
    class Nightly {
      readonly name = 'nightly'
      readonly task = 'report'
      get every(): string {
        return '1h'
      }
    }
    expect(scheduleSpec(new Nightly())).toMatchObject({ everyMs: 3_600_000 })
  })

  test('is held to the input of its task', () => {
    const typed = (schedules: ClientSchedules) => {
      void schedules.add({ name: 'a', every: '1m', task: report, input: { kind: 'sales' } })
      void schedules.add({ name: 'a', every: '1m', task: 'by.name', input: 5 })
      // @ts-expect-error `kind` is a text
      void schedules.add({ name: 'a', every: '1m', task: report, input: { kind: 5 } })
      // @ts-expect-error `kind` is missing
      void schedules.add({ name: 'a', cron: '@daily', task: report, input: {} })
    }
    expect(typed).toBeTypeOf('function')
  })
})
