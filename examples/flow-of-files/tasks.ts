/** The tasks of the flow: read a file of sales, look at it from several sides, put what was seen together. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { defineTask } from 'lovage'
import * as z from 'zod'

const sale = z.object({ day: z.iso.date(), product: z.string().min(1), amount: z.coerce.number() })

/** The sales of one branch. */
export const branch = z.object({ name: z.string(), sales: z.array(sale) })

/** What was sold of one thing, or on one day. */
interface Top {
  readonly what: string
  readonly amount: number
}

/** Reads one file. One that does not end with a line's end is still being written: it is read again a little later. */
export const read = defineTask({
  name: 'sales.read',
  input: z.object({ file: z.string() }),
  retry: { limit: 2, backoff: 'fixed', delay: '200ms' },
  async run({ file }, context) {
    const text = await readFile(file, 'utf8')
    const name = basename(file, '.csv')
    if (!text.endsWith('\n')) throw new Error(`expected ${name}.csv to end with a whole line; is it still being written?`)
    const [, ...lines] = text.trimEnd().split('\n')
    context.log.info(`${lines.length} sales in ${name}.csv`)
    const cells = lines.map((line) => line.split(','))
    return branch.parse({ name, sales: cells.map(([day, product, amount]) => ({ day, product, amount })) })
  },
})

export const total = defineTask({
  name: 'sales.total',
  input: branch,
  run: ({ name, sales }) => ({ name, amount: sum(sales.map(({ amount }) => amount)) }),
})

/** Joins the totals of all branches. */
export const ranking = defineTask({
  name: 'sales.ranking',
  run(totals: { name: string; amount: number }[]) {
    return totals.toSorted((a, b) => b.amount - a.amount)
  },
})

export const announce = defineTask({
  name: 'sales.announce',
  run: (ranked: { name: string; amount: number }[]) =>
    ranked.map(({ name, amount }, index) => `${index + 1}. ${name} ${amount.toFixed(2)}`).join('   '),
})

export const topProduct = defineTask({
  name: 'sales.top-product',
  input: branch,
  run: ({ sales }): Top => top(sales.map(({ product, amount }) => ({ what: product, amount }))),
})

export const topDay = defineTask({
  name: 'sales.top-day',
  input: branch,
  run: ({ sales }): Top => top(sales.map(({ day, amount }) => ({ what: day, amount }))),
})

/** The point where the two sides of the diamond meet. */
export const portrait = defineTask({
  name: 'sales.portrait',
  run: ([product, day]: [Top, Top]) =>
    `most of ${product.what} (${product.amount.toFixed(2)}), best day ${day.what} (${day.amount.toFixed(2)})`,
})

/** Runs however the tasks before it ended, and tells. */
export const protocol = defineTask({
  name: 'sales.protocol',
  async run(_: undefined, context) {
    const ended = await context.dependencies()
    return ended.map(({ name, state, reason }) => `${name} ${state}${reason === undefined ? '' : ` (${reason})`}`)
  },
})

function top(parts: readonly Top[]): Top {
  const amounts = Map.groupBy(parts, ({ what }) => what)
  const sums = [...amounts].map(([what, group]) => ({ what, amount: sum(group.map(({ amount }) => amount)) }))
  return sums.reduce((best, next) => (next.amount > best.amount ? next : best), { what: 'nothing', amount: 0 })
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((all, amount) => all + amount, 0)
}
