/** Twenty customers, twelve teapots: `main.ts postgres://user@host/database`. */
import { connect, Worker } from 'lovage'
import pg from 'pg'
import { placeOrder } from './orders.ts'
import { makeTables } from './tables.ts'
import { defineShop } from './tasks.ts'

const url = process.argv[2]
if (url === undefined) {
  console.error('expected the URL of a PostgreSQL database, for example postgres://user@localhost/shop')
  process.exit(2)
}

const pool = new pg.Pool({ connectionString: url })
const broker = await connect(url)
const setup = await pool.connect()
await makeTables(setup)
await setup.query('insert into stock values ($1, 12) on conflict (item) do update set left_over = 12', ['teapot'])
setup.release()

// Every third charge fails once, right before its commit.
const shop = defineShop(pool, (order, run) => {
  if (run === 0 && Number(order.split('-')[1]) % 3 === 0) throw new Error('the card reader fell asleep')
})
const worker = new Worker({ broker, tasks: shop, concurrency: 5 })
await worker.start()

const batch = Date.now().toString(36)
const placed = await Promise.allSettled(
  Array.from({ length: 20 }, (_, n) => placeOrder(broker, pool, { id: `${batch}-${n}`, item: 'teapot', amount: 25 })),
)
const tasks = placed.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
console.log(`${tasks.length} orders placed, ${placed.length - tasks.length} refused: sold out`)

await Promise.all(tasks.map((task) => task.result()))
await worker.stop()
const { rows } = await pool.query(
  `select (select count(*) from payment where order_id like $1) as payments, (select count(*) from orders where id like $1) as orders`,
  [`${batch}-%`],
)
console.log(
  `${rows[0].orders} rows of orders, ${rows[0].payments} payments: each order was charged once, though some charges ran twice`,
)
await broker.close()
await pool.end()
