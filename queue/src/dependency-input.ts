/** Builds the inputs of tasks that take the results of their dependencies. */
import { awaitedTasks, type Bind, type Store, type Task } from '@lovage/core'

const pageSize = 1000

/** The inputs as JSON texts: the first dependency's result, or a list of results in order. Results that are gone count as `null`. */
export async function boundInputs(store: Store, tasks: readonly Task[]): Promise<readonly string[]> {
  const wanted = tasks.map(({ extras }) => awaitedTasks(extras).slice(0, boundOf(extras?.bind)))
  const ids = [...new Set(wanted.flat())]
  const results = new Map<string, string>()
  for (let i = 0; i < ids.length; i += pageSize) {
    for (const task of await store.get(ids.slice(i, i + pageSize)))
      if (task?.result !== undefined) results.set(task.id, task.result)
  }
  const resultOf = (id: string): string => results.get(id) ?? 'null'
  return tasks.map(({ extras }, index) => {
    const of = (wanted[index] ?? []).map(resultOf)
    return extras?.bind === 'one' ? (of[0] ?? 'null') : `[${of.join()}]`
  })
}

/** How many of the dependencies are bound; undefined for all. */
function boundOf(bind: Bind | undefined): number | undefined {
  if (typeof bind === 'object') return bind.first
  return bind === 'one' ? 1 : undefined
}
