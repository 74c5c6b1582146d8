/** The ceiling on PostgreSQL: the best loop by hand, with an integer key and a due time and nothing else. */
import pg from 'pg'
import { perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

const claimSize = 100

const schema = `create table job (id bigint generated always as identity primary key, name text not null, due timestamptz not null default now(),
    taken_until timestamptz, input json not null) with (fillfactor = 70);
  create index ready on job (due, id) where taken_until is null;`

const insert = {
  name: 'insert',
  text: `with notified as (select pg_notify('job', ''))
    insert into job (name, input) select 'noop', input::json from unnest($1::text[]) as input where (select true from notified) is not false`,
}

/** Ends what is done and takes the next, in one round trip. */
const cycle = {
  name: 'cycle',
  text: `with done as (delete from job where id = any ($1::bigint[]))
    update job set taken_until = now() + interval '30 s'
    where id = any (array(select id from job where taken_until is null and due <= now() order by due, id limit $2 for update skip locked))
    returning id, input`,
}

interface Row {
  readonly id: string
  readonly input: unknown
}

/** Sends that wait go into one statement, ten connections; settling and the next claim share one. */
export const run: Variant = async (job) => {
  const connectionString = job.settings.postgres ?? ''
  const pool = new pg.Pool({ connectionString, max: 10 })
  await pool.query(schema)
  let waiting: { readonly input: string; resolve(): void }[] = []
  let isFlying = false
  const flush = async (): Promise<void> => {
    isFlying = true
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      await pool.query({ ...insert, values: [batch.map(({ input }) => input)] })
      for (const { resolve } of batch) resolve()
    }
    isFlying = false
  }
  const send = (i: number): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ input: JSON.stringify({ i }), resolve })
      if (!isFlying) setImmediate(() => void (isFlying || flush()))
    })
  let onStart = (): void => {}
  const handle = async (input: unknown): Promise<unknown> => {
    onStart()
    return input
  }
  let done: string[] = []
  const turn = async (): Promise<number> => {
    const { rows } = await pool.query<Row>({ ...cycle, values: [done, claimSize] })
    done = await Promise.all(rows.map(({ id, input }) => handle(input).then(() => id)))
    return rows.length
  }
  const sends = await sendRate(job, send)
  const started = performance.now()
  await Promise.all([drain()])
  async function drain(): Promise<void> {
    while ((await turn()) > 0);
  }
  const drains = perSecond(job.tasks, started)
  const listener = new pg.Client({ connectionString })
  await listener.connect()
  listener.on('notification', () => void turn().then(turn))
  await listener.query('listen job')
  const latency = await startLatency(job, send, (hear) => {
    onStart = hear
  })
  await listener.end()
  await pool.end()
  return { 'send/s': sends, 'drain/s': drains, 'start p50 ms': latency.p50, 'start p99 ms': latency.p99 }
}
