/** Calls that share a transaction stand or fall each for itself; a dead thread is replaced. */
import type { NewTask } from '@lovage/core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { claimRequest, newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqliteStore } from './sqlite-store.ts'

const threads = vi.hoisted(() => [] as { terminate(): Promise<number> }[])
vi.mock('node:worker_threads', async (original) => {
  const actual = await original<typeof import('node:worker_threads')>()
  return {
    ...actual,
    Worker: class extends actual.Worker {
      constructor(...args: ConstructorParameters<typeof actual.Worker>) {
        super(...args)
        threads.push(this)
      }
    },
  }
})

test('of calls made at once only the one that cannot be is refused', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  const broken = { ...newTask('c'), lostLimit: undefined } as unknown as NewTask
  const results = await Promise.allSettled([
    store.insert([newTask('a')]),
    store.insert([newTask('b'), broken, newTask('d')]),
    store.insert([newTask('e')]),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  const found = await store.get(['a', 'b', 'c', 'd', 'e'])
  expect(found.map((task) => task?.id)).toEqual(['a', undefined, undefined, undefined, 'e'])
  await expect(store.insert([newTask('f'), broken])).rejects.toMatchObject({ code: 'BUG' })
  expect(await store.get(['f'])).toEqual([undefined])
  await store.close()
})

test('calls made at once are applied in the order in which they were made', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  const [, claimed, [task]] = await Promise.all([store.insert([newTask('a')]), store.claim(claimRequest()), store.get(['a'])])
  expect(claimed.tasks[0]).toEqual(task)
  await store.close()
})

test('a read does not keep a write waiting that was called with it', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  const settled: string[] = []
  await Promise.all([
    store.counts().then(() => settled.push('read')),
    store.insert([newTask('a')]).then(() => settled.push('write')),
  ])
  expect(settled).toEqual(['write', 'read'])
  await store.close()
})

test('a crowd of reads makes room for the writes that come after it, and all are answered', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  await store.insert(Array.from({ length: 20_000 }, (_, index) => newTask(`t${index}`)))
  let answered = 0
  const reads = Array.from({ length: 300 }, () => store.counts().then(() => answered++))
  await reads[0]
  await store.insert([newTask('a')])
  expect(answered).toBeLessThan(150)
  const [task] = await store.get(['a'])
  expect([task?.id, answered]).toEqual(['a', 300])
  await Promise.all(reads)
  const last = store.counts()
  await store.close()
  expect((await last).map(({ count }) => count)).toEqual([20_001])
})

test('of reads only the one that cannot be is refused', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  const broken = store.find({ cursor: 1n as unknown as string, holder: {} as string })
  const results = await Promise.allSettled([store.counts(), broken, store.get(['a'])])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  await store.close()
})

test('a thread that dies rejects what waits for it, and the next call starts another', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  await store.insert([newTask('a')])
  const waiting = store.insert([newTask('b')])
  const ended = threads.at(-1)?.terminate()
  await expect(waiting).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
  await ended
  const [first, second] = await Promise.all([store.get(['a']), store.get(['a'])])
  expect([first[0]?.id, second[0]?.id]).toEqual(['a', 'a'])
  await store.close()
})

test('closing waits for calls under way, and later calls are refused', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  const inserted = store.insert([newTask('a')])
  await store.close()
  expect((await inserted).results[0]?.status).toBe('inserted')
  await expect(store.get(['a'])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await store.close()
})
