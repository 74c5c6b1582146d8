/** Builds the input of a task that takes the results of its dependencies. */
import type { Store, Task } from '@lovage/core'

/** The input as JSON text: the one dependency's result, or all results in order. Results that are gone count as `null`. */
export async function boundInput(store: Store, task: Task): Promise<string> {
  const ids = task.extras?.dependencies ?? []
  const results: string[] = []
  for (let i = 0; i < ids.length; i += 1000) {
    for (const dependency of await store.get(ids.slice(i, i + 1000))) results.push(dependency?.result ?? 'null')
  }
  return task.extras?.bind === 'one' ? (results[0] ?? 'null') : `[${results.join(',')}]`
}
