/** A lease is as long as it was asked for, however long its call had to wait. */
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { claimRequest, newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { elapsed, leaseEnd } from './lease-wait.ts'
import { sqliteStore } from './sqlite-store.ts'

test('only a wait that matters moves a lease, by whole seconds', () => {
  const now = elapsed()
  expect(leaseEnd(5000, now - 100)).toBe(5000)
  const moved = leaseEnd(5000, now - 2000.5)
  expect(moved).toBeGreaterThanOrEqual(8000)
  expect(moved % 1000).toBe(0)
})

test('claims and renewals that wait for the lock longer than their lease are not over when they come back', async () => {
  const path = await scratchFile(onTestFinished)
  const [store, other] = [await sqliteStore(path), await sqliteStore(path)]
  await store.insert([newTask('a'), newTask('b', { queue: 'other' })])
  const leaseMs = 1000
  const now = Date.now()
  await store.claim(claimRequest({ queues: ['other'], holder: 'h2', now, until: now + leaseMs }))

  const program = new DatabaseSync(path)
  program.exec('begin immediate')
  const asked = Date.now()
  const claiming = store.claim(claimRequest({ now: asked, until: asked + leaseMs }))
  const renewing = store.renew({ holder: 'h2', until: asked + leaseMs })
  await vi.waitFor(() => expect(Date.now() - asked).toBeGreaterThan(1.5 * leaseMs), { timeout: 10_000 })
  program.exec('commit')
  program.close()

  const [{ tasks }] = await Promise.all([claiming, renewing])
  const leases = (await other.get(['a', 'b'])).map((task) => task?.takenUntil ?? 0)
  for (const until of leases) expect(until).toBeGreaterThanOrEqual(asked + 2.5 * leaseMs)
  expect(tasks[0]?.takenUntil).toBe(leases[0])
  await store.close()
  await other.close()
})
