/** Two switches for each holder: whichever notices first tells. */
import { memoryLiveness } from '@lovage/store-memory'
import { beforeEach, expect, test } from 'vitest'
import { settled } from './fixtures/world.ts'
import { jointLiveness } from './joint-liveness.ts'

/** A memory liveness that takes the name given to it. */
function named() {
  const held = new Set<string>()
  const watchers = new Set<(holder: string) => void>()
  return {
    held,
    async hold(_worker: string, id = 'none') {
      held.add(id)
      return { id, release: async () => void held.delete(id) }
    },
    async watch(onLost: (holder: string) => void) {
      watchers.add(onLost)
      return () => void watchers.delete(onLost)
    },
    lost: async (holders: readonly string[]) => holders.filter((holder) => !held.has(holder)),
    drop(holder: string) {
      held.delete(holder)
      for (const watcher of watchers) watcher(holder)
    },
    close: async () => {},
  }
}

let own: ReturnType<typeof memoryLiveness>
let broker: ReturnType<typeof named>
beforeEach(() => {
  own = memoryLiveness()
  broker = named()
})

test('one holder is held by both, and let go by both', async () => {
  const joint = jointLiveness(own, broker)
  const hold = await joint.hold('w@host')
  expect([...broker.held]).toEqual([hold.id])
  await hold.release()
  expect(broker.held.size).toBe(0)
})

test('a death that either notices is told', async () => {
  const joint = jointLiveness(own, broker)
  const lost: string[] = []
  const end = await joint.watch((holder) => void lost.push(holder))
  const [a, b] = [await joint.hold('a@host'), await joint.hold('b@host')]
  own.drop(a.id)
  broker.drop(b.id)
  await settled()
  expect(new Set(lost)).toEqual(new Set([a.id, b.id]))
  expect(await joint.lost([a.id, b.id])).toEqual([a.id, b.id])
  end()
  broker.drop(a.id)
  expect(lost).toHaveLength(2)
})

test('who cannot be held by both is held by none', async () => {
  const failing = { ...broker, hold: () => Promise.reject(new TypeError('no')) }
  const lost: string[] = []
  await own.watch((holder) => void lost.push(holder))
  await expect(jointLiveness(own, failing).hold('w@host')).rejects.toThrow('no')
  await settled()
  expect(lost).toEqual([])
})
