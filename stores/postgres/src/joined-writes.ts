/** Insert and update in a transaction of the caller's. */
import type { InsertReply, NewTask, TaskChange, UpdateReply } from '@lovage/core'
import type { Database, Query } from './database.ts'
import { insertPlain, isPlain } from './insert.ts'
import type { Joiner, JoinOptions } from './joiner.ts'
import { insertLinked } from './linked-insert.ts'
import { updateWithPriorities } from './reprioritize.ts'
import { updateTasks } from './update.ts'

/** Inserts tasks; a refusal leaves the transaction as it was. */
export function insertJoined(
  joiner: Joiner,
  transaction: object,
  tasks: readonly NewTask[],
  allOrNone: boolean,
): Promise<InsertReply> {
  if (!allOrNone && tasks.every(isPlain)) return joiner.join(transaction, (query) => insertPlain(query, tasks))
  const hasKeys = tasks.some(({ key }) => key !== undefined)
  const inOne: Pick<Database, 'transaction'> = {
    transaction: (work, isKept) => {
      const checked = async (query: Query): ReturnType<typeof work> => {
        if (hasKeys) await joiner.checkSeesKeys(query)
        return work(query)
      }
      return joiner.join(transaction, checked, { isKept })
    },
  }
  return insertLinked(inOne, tasks, allOrNone)
}

/** Updates tasks; where one change does not apply, the transaction cannot be committed any more. */
export async function updateJoined(joiner: Joiner, transaction: object, changes: readonly TaskChange[]): Promise<UpdateReply> {
  const options: JoinOptions<UpdateReply> = { isKept: ({ applied }) => applied.every((each) => each), dooms: true }
  if (changes.some(({ patch }) => patch.priority !== undefined)) {
    return updateWithPriorities((work) => joiner.join(transaction, work, options), changes)
  }
  return joiner.join(transaction, (query) => updateTasks(query, changes), options)
}
