/** What a task that is sent by its name goes by: its own options, the task that is there, what workers publish. */
import type { Admin, PublishedTask, Task, WorkerInfo } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { publishedTask, sendByName } from './index.ts'

const nobody: Pick<Admin, 'get'> = { get: async (ids) => ids.map(() => undefined) }
const image: PublishedTask = { name: 'img', queue: 'images', priority: 5, lostLimit: 0, keyed: true }

describe('the options of a task sent by name', () => {
  it('are completed by what is published, and say that its key is missing', async () => {
    expect(await sendByName(nobody, image, { delay: 1 })).toEqual({
      options: { delay: 1, queue: 'images', priority: 'high', lostLimit: 0 },
      lacksKey: true,
    })
  })

  it('stay as they were given', async () => {
    const given = { queue: 'own', priority: 'low', lostLimit: 2, key: 'k' } as const
    expect(await sendByName(nobody, image, given)).toEqual({ options: given, lacksKey: false })
    expect(await sendByName(nobody, image, { queue: 'own' })).toMatchObject({ options: { queue: 'own', priority: 'high' } })
    const placed = { queue: 'own', priority: 'low', key: 'k' } as const
    expect(await sendByName(nobody, image, placed)).toEqual({ options: { ...placed, lostLimit: 0 }, lacksKey: false })
  })

  it('follow the task that is there under their id, so that sending again is the same', async () => {
    const there: Pick<Admin, 'get'> = { get: async () => [{ queue: 'old', priority: 1, lostLimit: 5 } as Task] }
    expect(await sendByName(there, image, { id: 'mine' })).toEqual({
      options: { id: 'mine', queue: 'old', priority: 'lowest', lostLimit: 5 },
      lacksKey: false,
    })
  })

  it('are left to the broker when nobody publishes the task, or an older worker says less', async () => {
    expect(await sendByName(nobody, undefined, {})).toEqual({ options: {}, lacksKey: false })
    expect(await sendByName(nobody, { name: 'img' }, {})).toEqual({ options: {}, lacksKey: false })
  })
})

it('the worker that started last speaks for a name', () => {
  const worker = (startedAt: number, tasks: readonly PublishedTask[]) => ({ startedAt, tasks }) as WorkerInfo
  const workers = [worker(1, [image]), worker(3, [{ name: 'other' }]), worker(2, [{ ...image, queue: 'new' }])]
  expect(publishedTask(workers, 'img')?.queue).toBe('new')
  expect(publishedTask(workers, 'nobody')).toBeUndefined()
})
