/** The public face: the program that the documents show, on a real file. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { chain, chord, connect, defineTask, from, group, step, TaskError, Worker } from './index.ts'

const resize = defineTask({
  name: 'images.resize',
  input: z.object({ url: z.url(), width: z.number() }),
  retry: { limit: 5, backoff: 'exponential', delay: '10s' },
  timeout: '2m',
  async run({ url, width }, context) {
    context.log.info(`resizing ${url}`)
    context.progress(0.5, 'half')
    return { url, width, by: context.worker, run: context.runId, aborted: context.signal.aborted }
  },
})
const area = defineTask({
  name: 'images.area',
  run: (sizes: { width: number }[]) => sizes.reduce((sum, { width }) => sum + width, 0),
})
const label = defineTask({ name: 'label', run: (total: number) => `${total} px` })
const fails = defineTask({
  name: 'fails',
  retry: { limit: 0 },
  run: () => {
    throw new RangeError('too wide')
  },
})

test('a task is sent, run, waited for and looked at, through one file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lovage-face-'))
  const broker = await connect(`sqlite:${join(folder, 'lovage.db')}`)
  const worker = new Worker({ broker, tasks: [resize, area, label, fails], name: 'face@test', concurrency: 10 })
  const seen: string[] = []
  worker.on('end', () => seen.push('end')).on('exit', () => seen.push('exit'))
  await worker.start()

  const url = 'https://example.org/a.png'
  const later = await broker.send(resize, { url, width: 320 }, { delay: '7 days', priority: 'high', key: 'user-1' })
  expect((await broker.send(resize, { url, width: 320 }, { key: 'user-1' })).id).toBe(later.id)
  const task = await broker.send(resize, { url, width: 320 })
  const result = await task.result({ timeout: '10s' })
  expectTypeOf(result.width).toEqualTypeOf<number>()
  expect(result).toEqual({ url, width: 320, by: 'face@test', run: 0, aborted: false })

  const flow = broker.flow()
  const sizes = [100, 200].map((width) => flow.add(resize, { url, width }))
  const total = flow.add(area, from(sizes))
  expect(await (await flow.send()).get(total).result({ timeout: '10s' })).toBe(300)
  const plan = chain(chord(group([step(resize, { url, width: 1 }), step(resize, { url, width: 2 })]), step(area)), step(label))
  expect(await (await broker.sendFlow(plan)).result({ timeout: '10s' })).toBe('3 px')

  const failed = await broker.send(fails)
  const error = await failed.result({ timeout: '10s' }).catch((thrown: unknown) => thrown)
  expect(TaskError.is(error, 'TASK_FAILED')).toBe(true)
  expect(error).toMatchObject({ failure: { name: 'RangeError', message: 'too wide' } })

  expect(await broker.ping()).toMatchObject([{ worker: 'face@test', ok: true, value: { ok: 'pong' } }])
  expect((await broker.workers()).map(({ name }) => name)).toEqual(['face@test'])
  expect((await broker.explain(later.id)).reasons.length).toBeGreaterThan(0)
  expect(await later.cancel('not needed')).toBe(true)
  await expect(later.result()).rejects.toMatchObject({ code: 'TASK_EXCEPTION' })
  expect((await broker.find({ name: 'images.resize', states: ['completed'] })).tasks).toHaveLength(5)

  await broker.schedules.add({ name: 'nightly', cron: '0 3 * * *', zone: 'Europe/Berlin', task: label, input: 5 })
  await broker.schedules.add({ name: 'often', every: '30 minutes', task: 'by.name' })
  expect((await broker.schedules.list()).map(({ name, everyMs }) => [name, everyMs])).toEqual([
    ['nightly', undefined],
    ['often', 1_800_000],
  ])
  // @ts-expect-error label takes a number
  await broker.schedules.add({ name: 'wrong', every: '1m', task: label, input: 'five' })
  // @ts-expect-error neither a cron line nor an interval
  await expect(broker.schedules.add({ name: 'neither', task: 'x' })).rejects.toMatchObject({ code: 'SCHEDULE_INVALID' })

  await worker.stop()
  await broker.close()
  expect(seen).toEqual(['end', 'exit'])
  await rm(folder, { recursive: true })
})
