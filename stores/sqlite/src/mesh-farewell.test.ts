/** A process that says something and goes at once, as a command does that cancels a task, is heard. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sqlitePeers } from './sqlite-backend.ts'
import { sqliteStore } from './sqlite-store.ts'

test('what is published before `close` goes out, even by a peer that has not joined yet', { timeout: 10_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lovage-farewell-'))
  const path = join(folder, 'a.db')
  await (await sqliteStore(path)).close()
  const listener = sqlitePeers(path)
  onTestFinished(async () => {
    await listener.signal.close()
    await rm(folder, { recursive: true, force: true })
  })
  const heard = Promise.withResolvers<string>()
  await listener.signal.subscribe('abort', heard.resolve)

  const hasty = sqlitePeers(path)
  hasty.signal.publish('abort', 'task-1')
  await hasty.signal.close()
  expect(await heard.promise).toBe('task-1')
})
