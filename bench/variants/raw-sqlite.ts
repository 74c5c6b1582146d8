/** The ceiling: the best hand-written loop on the same kind of file, without any of what a queue owes its users. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { perSecond, sendRate, startLatency, type Variant } from '../variant.ts'

const claimSize = 500

/** One table, one index; sends of one tick share a transaction, settling and the next claim share one too. */
export const run: Variant = async (job) => {
  const db = new DatabaseSync(join(job.directory, 'raw.db'))
  db.exec(`
    pragma journal_mode = wal;
    pragma synchronous = ${job.settings.synchronous ?? 'full'};
    pragma temp_store = memory;
    pragma wal_autocheckpoint = 4000;
    create table job (id integer primary key, name text not null, state integer not null default 0, due integer not null, input text not null, result text);
    create index ready on job (due, id) where state = 0;`)
  const insert = db.prepare('insert into job (name, due, input) values (?, ?, ?)')
  const claim = db.prepare(
    'update job set state = 1 where id in (select id from job where state = 0 and due <= ? order by due, id limit ?) returning id, input',
  )
  const settle = db.prepare('update job set state = 2, result = ? where id = ? and state = 1')
  let waiting: { input: string; resolve: () => void }[] = []
  const flush = (): void => {
    const batch = waiting
    waiting = []
    db.exec('begin immediate')
    for (const { input } of batch) insert.run('noop', Date.now(), input)
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
