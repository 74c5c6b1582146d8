/** Insert in a transaction of the caller's. */
import type { InsertReply, NewTask } from '@lovage/core'
import { insertPlain, isPlain } from './insert.ts'
import type { Joiner } from './joiner.ts'
import { insertLinked } from './linked-insert.ts'

/** Inserts tasks; a refusal leaves the transaction as it was. */
export function insertJoined(
  joiner: Joiner,
  transaction: object,
  tasks: readonly NewTask[],
  allOrNone: boolean,
): Promise<InsertReply> {
  if (!allOrNone && tasks.every(isPlain)) return joiner.join(transaction, (query) => insertPlain(query, tasks))
  const hasKeys = tasks.some(({ key }) => key !== undefined)
  return insertLinked(
    {
      transaction: (work, isKept) =>
        joiner.join(
          transaction,
          async (query) => {
            if (hasKeys) await joiner.checkSeesKeys(query)
            return work(query)
          },
          isKept,
        ),
    },
    tasks,
    allOrNone,
  )
}
