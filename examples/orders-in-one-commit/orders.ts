/** Orders: the row, the stock and the task that charges for it are there together, or none of them. */
import type { Client, TaskHandle } from 'lovage'
import type { Pool } from 'pg'
import { inTransaction } from './in-transaction.ts'

export interface Order {
  readonly id: string
  readonly item: string
  readonly amount: number
}

/** Places an order; rejects, and leaves nothing behind, when the item is sold out. */
export function placeOrder(broker: Client, pool: Pool, { id, item, amount }: Order): Promise<TaskHandle<{ charged: number }>> {
  return inTransaction(pool, async (client) => {
    await client.query(`insert into orders values ($1, $2, 'placed')`, [id, item])
    const task = await broker
      .within(client)
      .send<{ charged: number }>('shop.charge', { order: id, amount }, { id: `charge-${id}` })
    await client.query('update stock set left_over = left_over - 1 where item = $1', [item])
    return task
  })
}
