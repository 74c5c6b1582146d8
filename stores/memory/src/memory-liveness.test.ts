/** The memory liveness: holders are told apart, and are lost when a test drops them. */
import { expect, test } from 'vitest'
import { memoryLiveness } from './memory-liveness.ts'

test('each start of a worker has a holder of its own', async () => {
  const liveness = memoryLiveness()
  const holds = await Promise.all(['w@h', 'w@h', 'v@h'].map((worker) => liveness.hold(worker)))
  expect(new Set(holds.map(({ id }) => id)).size).toBe(3)
  expect(await liveness.lost(holds.map(({ id }) => id))).toEqual([])
})

test('a dropped holder is lost: once to every watcher, for good to those who ask', async () => {
  const liveness = memoryLiveness()
  const { id } = await liveness.hold('w@h')
  const other = await liveness.hold('w@h')
  const told: string[] = []
  await liveness.watch((holder) => void told.push(`1 ${holder}`))
  await liveness.watch((holder) => void told.push(`2 ${holder}`))
  expect([liveness.drop(id), liveness.drop(id), liveness.drop('nobody')]).toEqual([true, false, false])
  expect(told).toEqual([])
  await Promise.resolve()
  expect(told).toEqual([`1 ${id}`, `2 ${id}`])
  expect(await liveness.lost(['nobody', id, other.id])).toEqual([id])
})

test('a holder that released is gone, but nobody is alarmed', async () => {
  const liveness = memoryLiveness()
  const told: string[] = []
  await liveness.watch((holder) => void told.push(holder))
  const hold = await liveness.hold('w@h')
  await hold.release()
  await hold.release()
  await Promise.resolve()
  expect([told, await liveness.lost([hold.id])]).toEqual([[], [hold.id]])
  expect(liveness.drop(hold.id)).toBe(false)
})

test('a watch that has ended hears no more', async () => {
  const liveness = memoryLiveness()
  const told: string[] = []
  const end = await liveness.watch((holder) => void told.push(holder))
  const hold = await liveness.hold('w@h')
  liveness.drop(hold.id)
  end()
  await Promise.resolve()
  expect(told).toEqual([])
})

test('what was not released before closing looks lost', async () => {
  const liveness = memoryLiveness()
  const { id } = await liveness.hold('w@h')
  await liveness.close()
  await liveness.close()
  expect(await liveness.lost([id])).toEqual([id])
  await expect(liveness.hold('w@h')).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await expect(liveness.watch(() => undefined)).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})
