/** The shop's tasks: a payment is booked and its task completed in one transaction; a parcel is safe to be packed twice. */
import { defineTask } from 'lovage'
import type { Pool } from 'pg'
import { inTransaction } from './in-transaction.ts'

/** What a test wants to happen to a run before its commit. */
export type Mishap = (order: string, run: number) => void

/** Defines the tasks on a pool of connections. */
export function defineShop(pool: Pool, mishap: Mishap = () => {}) {
  const charge = defineTask({
    name: 'shop.charge',
    retry: { limit: 3, delay: '10ms' },
    run: ({ order, amount }: { order: string; amount: number }, context) =>
      inTransaction(pool, async (client) => {
        await client.query('insert into payment values ($1, $2)', [order, amount])
        await client.query(`update orders set state = 'paid' where id = $1`, [order])
        const result = await context.within(client).complete({ charged: amount })
        mishap(order, context.runId)
        return result
      }),
  })
  const ship = defineTask({
    name: 'shop.ship',
    async run({ order }: { order: string }) {
      await pool.query('insert into parcel values ($1) on conflict do nothing', [order])
      return `parcel for ${order}`
    },
  })
  return { charge, ship }
}
