/** Statements whose rows come as arrays. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Prepares a statement; its rows are built and cloned several times faster than keyed objects. */
export function rows(db: DatabaseSync, sql: string): StatementSync {
  const statement = db.prepare(sql)
  statement.setReturnArrays(true)
  return statement
}
