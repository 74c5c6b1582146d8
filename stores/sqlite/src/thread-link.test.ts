/** The main thread's end: what keeps a process alive, and what cannot be sent to the database thread. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TaskQuery } from '@lovage/core'
import { expect, onTestFinished, test } from 'vitest'
import { newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqliteStore } from './sqlite-store.ts'

test('a process that only waits for its store to close lives until it is closed', async () => {
  const file = fileURLToPath(new URL('./fixtures/closing-child.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [file, await scratchFile(onTestFinished)])
  expect(stdout).toBe('closed, answered\n')
})

test('what cannot be sent to the thread is refused alone, whatever else was called in that tick', async () => {
  const store = await sqliteStore(await scratchFile(onTestFinished))
  const results = await Promise.allSettled([
    store.insert([newTask('a')]),
    store.find({ queue: (() => 'q') as unknown as string } satisfies TaskQuery),
    store.get(['a']),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(results[1]).toMatchObject({ reason: { code: 'OPTION_INVALID', message: /`find`.*could not be cloned/ } })
  await store.close()
})
