/** The shop on a PostgreSQL of its own: refused orders leave no task, and charges that fail half-way are booked once. */
import { startPostgres } from '@lovage/services'
import { type Client, connect, Worker } from 'lovage'
import pg from 'pg'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { placeOrder } from './orders.ts'
import { makeTables } from './tables.ts'
import { defineShop } from './tasks.ts'

const server = await startPostgres()
afterAll(() => server.stop())

let broker: Client
let pool: pg.Pool
let worker: Worker
let mishaps: number

beforeEach(async () => {
  const url = await server.database()
  broker = await connect(url)
  pool = new pg.Pool({ connectionString: url })
  // Connections are still going when the server goes.
  pool.on('error', () => {})
  const setup = await pool.connect()
  await makeTables(setup)
  await makeTables(setup)
  await setup.query(`insert into stock values ('teapot', 5)`)
  setup.release()
  mishaps = 0
  const shop = defineShop(pool, (order, run) => {
    if (!order.endsWith('3') || run > 0) return
    mishaps++
    throw new Error('the card reader fell asleep')
  })
  worker = new Worker({ broker, tasks: shop })
  await worker.start()
})
afterEach(async () => {
  await worker.stop()
  await broker.close()
  await pool.end()
})

test('each order that was placed is charged once and shipped, and a refused one leaves nothing', async () => {
  const placed = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) => placeOrder(broker, pool, { id: `order-${n}`, item: 'teapot', amount: 25 })),
  )
  const tasks = placed.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  expect(tasks).toHaveLength(5)
  const results = await Promise.all(tasks.map((task) => task.result({ timeout: '30s' })))
  expect(results).toEqual(tasks.map(() => ({ charged: 25 })))
  const orders = (await pool.query('select id, state from orders order by id')).rows
  expect(orders).toHaveLength(5)
  expect((await pool.query('select order_id as id from payment order by 1')).rows).toEqual(orders.map(({ id }) => ({ id })))
  const { tasks: ships } = await broker.find({ name: 'shop.ship' })
  await Promise.all(ships.map(({ id }) => broker.task(id).result({ timeout: '30s' })))
  expect((await pool.query('select order_id as id from parcel order by 1')).rows).toEqual(orders.map(({ id }) => ({ id })))
  expect((await broker.find({ name: 'shop.charge' })).tasks).toHaveLength(5)
})

test('a charge that fails before its commit is as if it had not run', async () => {
  const task = await placeOrder(broker, pool, { id: 'order-3', item: 'teapot', amount: 25 })
  expect(await task.result({ timeout: '30s' })).toEqual({ charged: 25 })
  expect(mishaps).toBe(1)
  expect((await pool.query('select amount from payment')).rows).toEqual([{ amount: 25 }])
})
