/** A file that is deleted, moved or replaced under an open store: said soon and clearly, and nothing is made in its place. */
import { readdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Store } from '@lovage/core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqliteStore } from './sqlite-store.ts'

async function openStore(path: string): Promise<Store> {
  const store = await sqliteStore(path)
  onTestFinished(() => store.close())
  return store
}

/** Inserts until it is refused: the file is looked at now and then, not with every call. */
async function refusalOf(store: Store): Promise<unknown> {
  let refusal: unknown
  await vi.waitFor(async () => {
    refusal = await store.insert([newTask(`late${performance.now()}`)]).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(refusal).toBeDefined()
  })
  return refusal
}

const files = (path: string): readonly string[] => ['', '-wal', '-shm'].map((ending) => path + ending)

test('a deleted file is missed, not made anew, and its successor is gone on with', async () => {
  const path = await scratchFile(onTestFinished)
  const store = await openStore(path)
  await store.insert([newTask('a')])
  for (const file of files(path)) await rm(file)
  expect(await refusalOf(store)).toMatchObject({ code: 'STORE_UNAVAILABLE', message: /deleted or moved/ })
  await expect(store.insert([newTask('b')])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: /put it back/i })
  await expect(store.get(['a'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(await readdir(dirname(path))).toEqual([])

  const fresh = await openStore(path)
  await store.insert([newTask('c')])
  expect((await fresh.get(['a', 'c'])).map((task) => task?.id)).toEqual([undefined, 'c'])
})

test('a moved file that is put back is gone on with', async () => {
  const path = await scratchFile(onTestFinished)
  const store = await openStore(path)
  await store.insert([newTask('a')])
  await rename(path, `${path}.away`)
  await refusalOf(store)
  await rename(`${path}.away`, path)
  expect((await store.get(['a'])).map((task) => task?.id)).toEqual(['a'])
})

test('another file in its place is told of once, then gone on with', async () => {
  const path = await scratchFile(onTestFinished)
  const [store, other] = [await openStore(path), await sqliteStore(`${path}.other`)]
  await store.insert([newTask('a')])
  await other.insert([newTask('z')])
  await other.close()
  for (const file of files(path)) await rm(file)
  await rename(`${path}.other`, path)
  expect(await refusalOf(store)).toMatchObject({ code: 'STORE_UNAVAILABLE', message: /another file/ })
  expect((await store.get(['a', 'z'])).map((task) => task?.id)).toEqual([undefined, 'z'])
})
