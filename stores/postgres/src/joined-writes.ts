/** Insert and update in a transaction of the caller's. */
import type { InsertReply, NewTask, TaskChange, UpdateReply } from '@lovage/core'
import type { Database, Query } from './database.ts'
import { isMade } from './id-time.ts'
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
  // An id that was made for the task is nobody else's.
  const mayBeTaken = tasks.some(({ key, id }) => key !== undefined || !isMade(id))
  const inOne: Pick<Database, 'transaction'> = {
    transaction: (work, isKept) => {
      const checked = async (query: Query): ReturnType<typeof work> => {
        if (mayBeTaken) await joiner.checkSeesOthers(query)
        return work(query)
      }
      return joiner.join(transaction, checked, { isKept })
    },
  }
  if (allOrNone || !tasks.every(isPlain)) return insertLinked(inOne, tasks, allOrNone)
  return inOne.transaction((query) => insertPlain(query, tasks))
}

/** Updates tasks; where one change does not apply, the transaction cannot be committed any more. */
export async function updateJoined(joiner: Joiner, transaction: object, changes: readonly TaskChange[]): Promise<UpdateReply> {
  const options: JoinOptions<UpdateReply> = { isKept: ({ applied }) => applied.every((each) => each), dooms: true }
  if (changes.some(({ patch }) => patch.priority !== undefined)) {
    return updateWithPriorities((work) => joiner.join(transaction, work, options), changes)
  }
  return joiner.join(transaction, (query) => updateTasks(query, changes), options)
}
