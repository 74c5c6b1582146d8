/** The memory store keeps every promise of the Store port that its capabilities allow. */
import { runnableCases } from '@lovage/store-conformance'
import { test } from 'vitest'
import { memoryStore } from './memory-store.ts'

for (const { name, run } of runnableCases(memoryStore().capabilities)) {
  const store = memoryStore()
  test(name, () => run({ open: async () => store }))
}
