/** The ceiling: the best hand-written loop on the same kind of file, bare, or with the least that a queue needs to be one. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

const claimSize = 500

/** An integer key and a due time, nothing else. */
const bare = {
  schema: `create table job (id integer primary key, name text not null, state integer not null default 0, due integer not null,
      input text not null, result text);
    create index ready on job (due, id) where state = 0;`,
  insert: 'insert into job (due, input, name) values (?, ?, ?)',
  order: 'due, id',
}

/** Ids of the caller, queues, priorities, attempts and leases besides. */
const usable = {
  schema: `create table job (seq integer primary key, id text not null unique, queue text not null, name text not null,
      priority integer not null, state integer not null default 0, due integer not null, attempts integer not null default 0,
      taken_until integer, input text not null, result text, resolved integer);
    create index ready on job (queue, priority desc, due, seq) where state = 0;
    create index running on job (taken_until) where state = 1;`,
  insert: "insert into job (due, input, name, id, queue, priority) values (?, ?, ?, ?, 'default', 4)",
  order: 'priority desc, due, seq',
}

/** Sends of one tick share a transaction, settling and the next claim share one too. */
export const run: Variant = async (job) => {
  const db = new DatabaseSync(join(job.directory, 'raw.db'))
  const hasIds = job.settings.shape === 'usable'
  const { schema, insert: insertSql, order } = hasIds ? usable : bare
  const key = hasIds ? 'seq' : 'id'
  db.exec(`
    pragma journal_mode = wal;
    pragma synchronous = ${job.settings.synchronous ?? 'full'};
    pragma temp_store = memory;
    pragma wal_autocheckpoint = 4000;
    ${schema}`)
  const insert = db.prepare(insertSql)
  const take = hasIds ? 'state = 1, attempts = attempts + 1, taken_until = due + 30000' : 'state = 1'
  const lane = hasIds ? "queue = 'default' and state = 0" : 'state = 0'
  const claim = db.prepare(
    `update job set ${take} where ${key} in (select ${key} from job where ${lane} and due <= ? order by ${order} limit ?)
      returning ${key} as id, input`,
  )
  const end = hasIds ? 'state = 2, result = ?, resolved = due, taken_until = null' : 'state = 2, result = ?'
  const settle = db.prepare(`update job set ${end} where ${key} = ? and state = 1`)
  const newId = hasIds ? [(): string => randomUUID()] : []
  let waiting: { input: string; resolve: () => void }[] = []
  const flush = (): void => {
    const batch = waiting
    waiting = []
    db.exec('begin immediate')
    for (const { input } of batch) insert.run(Date.now(), input, 'noop', ...newId.map((make) => make()))
    db.exec('commit')
    for (const { resolve } of batch) resolve()
  }
  const send = (i: number): Promise<void> =>
    new Promise((resolve) => {
      if (waiting.push({ input: JSON.stringify({ i }), resolve }) === 1) setImmediate(flush)
    })
  let onStart = (): void => {}
  const handle = async (input: string): Promise<unknown> => {
    onStart()
    return JSON.parse(input)
  }
  let done: { id: number; result: string }[] = []
  const cycle = async (): Promise<number> => {
    db.exec('begin immediate')
    for (const { id, result } of done) settle.run(result, id)
    const rows = claim.all(Date.now(), claimSize) as { id: number; input: string }[]
    db.exec('commit')
    done = await Promise.all(
      rows.map(async (row) => {
        await handle(row.input)
        return { id: row.id, result: 'null' }
      }),
    )
    return rows.length
  }
  const sends = await sendRate(job, send)
  const started = performance.now()
  while ((await cycle()) > 0);
  const drains = perSecond(job.tasks, started)
  const latency = await startLatency(
    job,
    (i) =>
      send(i)
        .then(() => cycle())
        .then(() => cycle()),
    (listener) => {
      onStart = listener
    },
  )
  db.close()
  return { 'send/s': sends, 'drain/s': drains, 'start p50 ms': latency.p50, 'start p99 ms': latency.p99 }
}
