/** The completion of a run in a transaction of its handler's. */
import { ConfigError, decide, type Task, TaskError, type TaskEvent } from '@lovage/core'
import { Announcer } from './announcer.ts'
import type { Engine } from './engine.ts'
import { Letters } from './letters.ts'

/**
 * Writes the completion, and what is said of it, to be there with the commit.
 * @throws {TaskError} RUN_STOPPED when the run is over for this worker; then the transaction cannot be committed
 * @throws {ConfigError} UNSUPPORTED, TRANSACTION_UNUSABLE
 */
export async function completeWithin(engine: Engine, task: Task, event: TaskEvent, transaction: object): Promise<void> {
  const { store, signal, clock } = engine
  checkTransactions(engine)
  const { id, run } = task
  const decision = decide(task, event, clock.now())
  const patch = decision.ok ? decision.patch : { state: task.state }
  const reply = await store.update([{ id, from: 'running', run, patch }], { transaction })
  if (reply.applied[0] !== true) {
    const message = `expected run ${run} of task ${id} to be this worker's still, got: it was stopped, or runs elsewhere; nothing of the transaction is kept`
    throw new TaskError('RUN_STOPPED', message, { subject: id })
  }
  const letters = new Letters()
  const announcer = new Announcer(letters)
  announcer.ripple(reply)
  announcer.resolved([id])
  await signal.publishWithin?.(transaction, letters.all)
}

/** @throws {ConfigError} UNSUPPORTED where the store takes no part in transactions */
export function checkTransactions({ store }: Pick<Engine, 'store'>): void {
  if (store.capabilities.transactions === true) return
  const message = `expected a store that takes part in transactions, as PostgreSQL does, got: ${store.name}`
  throw new ConfigError('UNSUPPORTED', message)
}
