/** Creating tasks: what it costs, what is the same, and what a lost answer leaves behind. */
import { StoreError } from '@lovage/core'
import { type MemoryBackend, memoryBackend } from '@lovage/store-memory'
import { type ManualClock, manualClock } from '@lovage/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { definition, type Hall, hall } from './fixtures/hall.ts'

let clock: ManualClock
let backend: MemoryBackend
let h: Hall
beforeEach(async () => {
  clock = manualClock()
  backend = memoryBackend()
  h = await hall({ ...backend, clock })
})
afterEach(() => h.close())

const made = (fields: Readonly<Record<string, unknown>> = {}) => definition(fields, clock.now())
const later = (ms: number): string => new Date(clock.now() + ms).toJSON()

test('takes one look at the group and one insertion', async () => {
  const { store } = backend
  const calls: string[] = []
  const noted = new Proxy(store, {
    get(target, verb: keyof typeof store) {
      const member = target[verb]
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        calls.push(verb)
        return Reflect.apply(member, target, args)
      }
    },
  })
  const other = await hall({ ...backend, store: noted, clock })
  try {
    const given = made()
    await other.queue.createTask('first', given)
    calls.length = 0
    const { status } = await other.queue.createTask('second', made())
    expect(calls).toEqual(['insert'])
    expect(await other.queue.status('second')).toEqual({ status })
    expect(await other.queue.createTask('second', await other.queue.task('second'))).toEqual({ status })
  } finally {
    await other.close()
  }
})

test('at the same time with different definitions gives one of them the id', async () => {
  const given = Array.from({ length: 6 }, (_, n) => made({ retries: n }))
  const answers = await Promise.allSettled(given.map((each) => h.queue.createTask('a', each)))
  expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', ...Array.from({ length: 5 }, () => 'rejected')])
  const refused = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason.statusCode)
  expect(new Set(refused)).toEqual(new Set([409]))
})

test('again is the same task when it could not be created any more', async () => {
  const given = made({ taskGroupId: 'group', deadline: later(1_800_000) })
  await h.queue.createTask('a', given)
  await h.queue.sealTaskGroup('group')
  const { status } = await h.queue.createTask('a', given)
  expect(status).toMatchObject({ state: 'pending' })
  await clock.advance('20 minutes')
  expect(await h.queue.createTask('a', given)).toEqual({ status })
  await clock.advance('20 minutes')
  expect((await h.queue.createTask('a', given)).status).toMatchObject({ state: 'exception', taskGroupId: 'group' })
  await expect(h.queue.createTask('b', given)).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
})

test('with another definition is told what differs', async () => {
  const given = made()
  await h.queue.createTask('a', given)
  await clock.advance('1s')
  await expect(h.queue.createTask('a', { ...given, created: later(0), retries: 1 })).rejects.toMatchObject({
    statusCode: 409,
    message: expect.stringContaining('got another `retries`, `created`;'),
  })
})

test('whose answer is lost keeps its place in the group', async () => {
  let isLost = true
  const insert = backend.store.insert.bind(backend.store)
  const store = Object.assign(Object.create(backend.store), {
    async insert(...args: Parameters<typeof insert>) {
      const reply = await insert(...args)
      if (isLost) {
        isLost = false
        throw new StoreError('STORE_UNAVAILABLE', 'the store is away')
      }
      return reply
    },
  })
  const other = await hall({ ...backend, store, clock })
  try {
    const given = made({ taskGroupId: 'group' })
    await other.queue.createTask('a', given).catch(({ statusCode }) => expect(statusCode).toBe(503))
    expect((await other.queue.createTask('a', given)).status).toMatchObject({ state: 'pending' })
    const { tasks } = await other.queue.listTaskGroup('group')
    expect(tasks).toMatchObject([{ status: { taskId: 'a' } }])
  } finally {
    await other.close()
  }
})

test('for a group of another scheduler leaves nothing behind for good', async () => {
  const expires = later(7_200_000)
  await h.queue.createTask('group', made({ schedulerId: 'mine', expires }))
  const refused = h.queue.createTask('a', made({ taskGroupId: 'group', schedulerId: 'yours', expires }))
  await expect(refused).rejects.toMatchObject({ statusCode: 409, code: 'RequestConflict' })
  await h.client.cancel(['group'])
  await clock.advance('31 days')
  await h.queue.createTask('another', made())
  await expect.poll(() => h.client.desk?.records.list('http-group:group'), { timeout: 10_000 }).toEqual([])
})
