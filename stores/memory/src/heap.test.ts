/** The heap keeps the lowest rank first, whatever is done to it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap, type HeapEntry } from './heap.ts'

const step = fc.oneof(
  fc.record({ do: fc.constant('push' as const), rank: fc.integer({ min: 0, max: 50 }) }),
  fc.record({ do: fc.constant('take' as const) }),
  fc.record({ do: fc.constant('remove' as const), at: fc.nat() }),
  fc.record({ do: fc.constant('move' as const), at: fc.nat(), rank: fc.integer({ min: 0, max: 50 }) }),
  fc.record({ do: fc.constant('upTo' as const), bound: fc.integer({ min: -1, max: 51 }) }),
)

test('whatever is pushed, moved and removed, the lowest rank comes first', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = new Heap<number>()
      let entries: HeapEntry<number>[] = []
      for (const [index, now] of steps.entries()) {
        const ranks = entries.map(({ rank }) => rank)
        expect(heap.size).toBe(entries.length)
        expect(heap.first()?.rank).toBe(ranks.length === 0 ? undefined : Math.min(...ranks))
        if (now.do === 'push') entries.push(heap.push(index, now.rank))
        if (now.do === 'upTo') {
          const { items, next } = heap.upTo(now.bound)
          const within = entries.filter(({ rank }) => rank <= now.bound)
          const beyond = ranks.filter((rank) => rank > now.bound)
          expect([...items].sort()).toEqual(within.map(({ item }) => item).sort())
          expect(next).toBe(beyond.length === 0 ? undefined : Math.min(...beyond))
        }
        const chosen = now.do === 'take' ? heap.first() : 'at' in now ? entries[now.at % entries.length] : undefined
        if (chosen === undefined) continue
        if (now.do === 'move') heap.move(chosen, now.rank)
        else {
          heap.remove(chosen)
          entries = entries.filter((entry) => entry !== chosen)
        }
      }
    }),
  )
})
