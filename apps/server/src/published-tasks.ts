/** What live workers publish of task names, read again at most once a second for names that are known. */
import { type Client, publishedTask } from '@lovage/client'
import type { PublishedTask } from '@lovage/core'

/** Gives what is published of a name; undefined when no live worker knows it. */
export type PublishedTasks = (name: string) => Promise<PublishedTask | undefined>

const goodForMs = 1000

/** Every request asks, and every answer lists all workers with all their tasks and schemas. */
export function publishedTasks({ admin }: Client): PublishedTasks {
  const known = new Map<string, { readonly task: PublishedTask; readonly readAt: number }>()
  return async (name) => {
    const found = known.get(name)
    if (found !== undefined && performance.now() - found.readAt < goodForMs) return found.task
    const task = publishedTask((await admin?.workers()) ?? [], name)
    if (task === undefined) known.delete(name)
    else known.set(name, { task, readAt: performance.now() })
    return task
  }
}
