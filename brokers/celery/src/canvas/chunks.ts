/** Chunks: a long list of calls cut into tasks that make some of them each. */
import { type GroupSignature, groupSignature, parseSignature, plainSignature, type Signature } from './signature.ts'

/** @param size calls per task */
export function chunksGroup(task: Signature, it: readonly unknown[], size: number): GroupSignature {
  const parts: Signature[] = []
  for (let at = 0; at < it.length; at += size) parts.push(mapSignature('celery.starmap', task, it.slice(at, at + size)))
  return groupSignature(parts)
}

/** One task that calls another for each item, or with each list of arguments, one after the other. */
export function mapSignature(kind: 'celery.map' | 'celery.starmap', task: Signature, it: readonly unknown[]): Signature {
  return plainSignature(kind, { kwargs: { task, it }, immutable: true })
}

/** A group of chunks is what a client sends of them; inside other canvases the task `celery.chunks` makes it where it runs. */
export function unfolded(signature: Signature): Signature {
  const { task, kwargs, options } = signature
  if (task !== 'celery.chunks' || !Array.isArray(kwargs.it) || typeof kwargs.n !== 'number') return signature
  return { ...chunksGroup(parseSignature(kwargs.task), kwargs.it, kwargs.n), options }
}
