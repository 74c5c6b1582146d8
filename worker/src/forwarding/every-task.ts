/** The tasks of a worker that takes every name: each is known from the moment that it comes. */
import { BugError, defineTask } from '@lovage/core'
import { RegisteredTask } from '../task-registry.ts'

const nobodys = defineTask({
  name: 'nobodys',
  run() {
    throw new BugError('BUG', 'expected a task to be handed on, got: it was run')
  },
})

/** Names come from senders, and ever new ones shall not fill the memory. */
const mostNames = 10_000

/** A map that has every name; of many it keeps the latest, and those that are limited. */
export class EveryTask extends Map<string, RegisteredTask> {
  override get(name: string): RegisteredTask {
    const known = super.get(name)
    if (known !== undefined) return known
    // Not by `defineTask`, which would refuse names that others have put into a store.
    const task = new RegisteredTask({ ...nobodys, name })
    if (this.size >= mostNames) this.#dropOldest()
    this.set(name, task)
    return task
  }

  #dropOldest(): void {
    for (const [name, { gate }] of this) {
      if (gate !== undefined) continue
      this.delete(name)
      return
    }
  }
}
