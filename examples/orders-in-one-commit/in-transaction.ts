/** A transaction on a connection of a pool: committed when the work is done, rolled back when it throws. */
import type { Pool, PoolClient } from 'pg'

/** Runs the work in a transaction of its own. */
export async function inTransaction<Result>(pool: Pool, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
