/** A full disk refuses a call, keeps everything as it was, and is no obstacle once there is room; so does a read-only one. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { sqliteStore } from './sqlite-store.ts'

/** Mounts a file system of 4 MB, which takes root. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-full-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
  return folder
}

test('a disk that cannot be written is unavailable', async ({ skip }) => {
  const folder = smallDisk()
  if (folder === undefined) return skip('only root can mount a small disk')
  const path = join(folder, 'lovage.db')
  await (await sqliteStore(path)).close()
  execFileSync('mount', ['-o', 'remount,ro', folder])
  await expect(sqliteStore(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
})

test('a full disk refuses calls and loses nothing', async ({ skip }) => {
  const folder = smallDisk()
  if (folder === undefined) return skip('only root can mount a small disk')
  const store = await sqliteStore(join(folder, 'lovage.db'))
  await store.insert([newTask('first')])
  const ballast = join(folder, 'ballast')
  writeFileSync(ballast, Buffer.alloc(1024 * 1024))
  const input = JSON.stringify('x'.repeat(50_000))
  const batch = (index: number) => [0, 1, 2].map((place) => newTask(`b${index}.${place}`, { input }))
  let count = 0
  const fill = async (): Promise<never> => {
    for (;;) {
      await store.insert(batch(count))
      count++
    }
  }
  await expect(fill()).rejects.toMatchObject({ code: 'STORE_FULL', retryable: true })
  expect(count).toBeGreaterThan(0)
  expect((await store.counts()).map((each) => each.count)).toEqual([1 + count * 3])
  // Of calls that share a transaction each is refused for itself.
  const refused = await Promise.allSettled([store.insert(batch(count)), store.insert(batch(count + 1))])
  expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected'])

  rmSync(ballast)
  await store.insert(batch(count))
  const { tasks } = await store.claim(claimRequest({ limit: 5 }))
  expect(tasks.map(({ id }) => id)).toEqual(['first', 'b0.0', 'b0.1', 'b0.2', 'b1.0'])
  expect((await store.update(tasks.map(completed))).applied).not.toContain(false)
  await store.close()
})
