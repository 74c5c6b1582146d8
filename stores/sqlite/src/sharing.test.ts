/** Several processes on one file: each task goes to one of them, and what one does the others see. */
import { expect, onTestFinished, test } from 'vitest'
import { backendProcess } from './fixtures/backend-process.ts'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqliteStore } from './sqlite-store.ts'

test('three processes that claim at once never get the same task', async () => {
  const path = await scratchFile(onTestFinished)
  const store = await sqliteStore(path)
  const ids = Array.from({ length: 3000 }, (_, index) => `t${index}`)
  await store.insert(ids.map((id) => newTask(id)))
  const processes = await Promise.all([1, 2, 3].map(() => backendProcess(onTestFinished, path)))
  const taken = await Promise.all(
    processes.map(async (process, index) => {
      const mine: string[] = []
      for (;;) {
        const { tasks } = await process.store.claim(claimRequest({ holder: `h${index}`, limit: 7 }))
        if (tasks.length === 0) return mine
        mine.push(...tasks.map(({ id }) => id))
        const { applied } = await process.store.update(tasks.map(completed))
        expect(applied).not.toContain(false)
      }
    }),
  )
  expect(taken.flat().sort()).toEqual(ids.sort())
  expect(taken.every((mine) => mine.length > 0)).toBe(true)
  expect(await store.counts()).toEqual([{ queue: 'q', state: 'completed', count: 3000 }])
  await store.close()
})

test('a process that waits in vain for the lock says so, and goes on', async () => {
  const path = await scratchFile(onTestFinished)
  const store = await sqliteStore(path, { busyTimeoutMs: 30 })
  const { DatabaseSync } = await import('node:sqlite')
  const other = new DatabaseSync(path)
  other.exec('begin immediate')
  await expect(store.insert([newTask('a')])).rejects.toMatchObject({ code: 'STORE_BUSY', retryable: true })
  expect(await store.get(['a'])).toEqual([undefined])
  // An idle worker looks, finds nothing to write and so asks for no lock.
  expect((await store.claim(claimRequest())).tasks).toEqual([])
  expect((await store.sweep(5000, 10)).overdue).toEqual([])
  expect(await store.renew({ holder: 'h', until: 9000 })).toEqual([])
  other.exec('commit')
  other.close()
  await store.insert([newTask('a')])
  await store.close()
})
