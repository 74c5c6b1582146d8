/** `worker.batch` (the feature `batch`): several frames in one message, each as if it had come alone, and their answers in one. */
import { limits } from './limits.ts'
import { type Decoded, list, refused } from './reader.ts'

/** One frame with the name of its event. */
export type BatchItem = readonly [event: string, frame: unknown]

/** Decodes the arguments of `worker.batch`. The frames themselves are read by whoever reads them alone. */
export function decodeBatch(args: readonly unknown[]): Decoded<readonly BatchItem[]> {
  return list(batchItem, limits.capacity)(args[0], 'batch')
}

/** What a batch was acknowledged with: for each of its frames what it would have been alone, in order. */
export function batchAnswers(said: unknown): readonly unknown[] {
  return Array.isArray(said) ? said : []
}

/** Cuts what is to be said into batches that are not too large for a message. What is too large by itself goes alone. */
export function batches<Item>(items: readonly Item[], mostBytes: (item: Item) => number): readonly (readonly Item[])[] {
  if (items.length < 2) return items.length === 0 ? [] : [items]
  const cut: Item[][] = []
  let current: Item[] = []
  let size = 0
  for (const item of items) {
    const bytes = mostBytes(item)
    if (current.length > 0 && (size + bytes > limits.batchBytes || current.length === limits.capacity)) {
      cut.push(current)
      current = []
      size = 0
    }
    current.push(item)
    size += bytes
  }
  cut.push(current)
  return cut
}

function batchItem(value: unknown, at: string): Decoded<BatchItem> {
  if (Array.isArray(value) && value.length === 2 && typeof value[0] === 'string') return { ok: true, frame: [value[0], value[1]] }
  return refused(at, 'the name of an event and its frame', value)
}
