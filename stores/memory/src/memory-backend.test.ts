/** The memory backend: three parts with one end, and nothing that a caller could change from outside. */
import { expect, test } from 'vitest'
import { memoryBackend } from './memory-backend.ts'

test('store, signal and liveness end together', async () => {
  const { store, signal, liveness, close } = memoryBackend()
  await signal.subscribe('a', () => undefined)
  const { id } = await liveness.hold('w@h')
  await close()
  await close()
  await expect(store.counts()).rejects.toMatchObject({ code: 'STORE_CLOSED', subject: 'memory' })
  expect([signal.heard('a'), await liveness.lost([id])]).toEqual([false, [id]])
})

test('two backends know nothing of each other', async () => {
  const [one, other] = [memoryBackend(), memoryBackend()]
  await one.store.insert([{ id: 'a', name: 'n', queue: 'q', priority: 4, input: 'null', lostLimit: 5, createdAt: 1 }])
  expect(await other.store.counts()).toEqual([])
})

test('what is handed out is frozen through and through', async () => {
  const { store } = memoryBackend()
  const extras = { dependencies: [], headers: { deep: { list: [1] } } }
  await store.insert([{ id: 'a', name: 'n', queue: 'q', priority: 4, input: 'null', lostLimit: 5, createdAt: 1, extras }])
  const failure = { name: 'E', message: 'm', cause: { name: 'E', message: 'n' } }
  const ended = { run: 0, worker: 'w', startedAt: 1, endedAt: 2, outcome: 'failed', failure } as const
  await store.update([{ id: 'a', from: 'pending', run: -1, patch: { state: 'failed', resolvedAt: 2, failure, ended } }])
  const pending: unknown[] = [...(await store.get(['a']))]
  expect(pending).toHaveLength(1)
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== 'object' || value === null) continue
    expect(Object.isFrozen(value)).toBe(true)
    pending.push(...Object.values(value))
  }
})
