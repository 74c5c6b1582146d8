/** Finds out whether a pooler (PgBouncer) lends the connection to others between transactions. */
import { Line, type LineOptions } from './line.ts'

/** On a busy pooler a round may be misled: one in three is. */
const rounds = 20

/**
 * While a second line is in a transaction, the first must still meet its own process of the server. A pooler in session
 * mode passes, and is as good as none.
 */
export async function isSharedByPooler(line: Line, options: LineOptions): Promise<boolean> {
  const other = await Line.open(options, { lost() {} })
  try {
    for (let round = 0; round < rounds; round++) {
      await line.run('select')
      await other.run('begin')
      const theirs = await pidOf(other)
      const ours = await pidOf(line)
      await other.run('commit')
      if (ours !== line.pid || theirs === line.pid) return true
    }
    return false
  } finally {
    await other.end()
  }
}

async function pidOf(line: Line): Promise<unknown> {
  const [row] = await line.run('select pg_backend_pid() as pid')
  return row?.pid
}
