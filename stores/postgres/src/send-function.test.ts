/** The function `send` of the database: what it takes and means is what `send` of the client does. */
import { durationMs, instantMs, LovageError, type SendOptions, type Task } from '@lovage/core'
import fc from 'fast-check'
import { type Client, connect, defineTask, Worker } from 'lovage'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'

const server = await cluster()
let url: string
let broker: Client
let sql: pg.Client

beforeAll(async () => {
  url = await server.database()
  broker = await connect(url)
  sql = new pg.Client(url)
  await sql.connect()
})
afterAll(async () => {
  await sql.end()
  await broker.close()
})

async function client(): Promise<pg.Client> {
  const made = new pg.Client(url)
  await made.connect()
  onTestFinished(() => made.end())
  return made
}

/** Sends by the function; answers the id. */
async function send(name: string, input?: unknown, options?: unknown): Promise<string> {
  const values = [name, input === undefined ? null : JSON.stringify(input), JSON.stringify(options ?? {})]
  return (await sql.query('select lovage.send($1, $2, $3) as id', values)).rows[0].id
}

/** The code in the words of a refusal; undefined for whatever else. */
async function refusalOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (LovageError.is(error)) return error.code
    const [, words] = /^\[([a-z ]+)\]/.exec((error as Error).message) ?? []
    return words?.replaceAll(' ', '_').toUpperCase() ?? String(error)
  }
}

/** What is the same however it was sent, and the times, which are nearly the same. */
function likeness(task: Task | undefined): { readonly same: unknown; readonly times: readonly number[] } {
  if (task === undefined) return { same: undefined, times: [] }
  const { id: _, name: __, input, createdAt, resolvedAt, dueAt = 0, deadline = 0, keyUntil = 0, ...others } = task
  return { same: { ...others, input: JSON.parse(input) }, times: [createdAt, resolvedAt ?? 0, dueAt, deadline, keyUntil] }
}

const accepted: readonly SendOptions[] = [
  {},
  { queue: 'mail', priority: 'highest' },
  { delay: '7 days', deadline: '8 days' },
  { delay: 90_000, retryLimit: 0, lostLimit: 1, timeout: '1 hour 30 minutes' },
  { at: 4_102_444_800_000 },
  { at: '2100-01-31T09:00:00.25+01:30', deadline: '2100-02-01' as never },
  { at: '2001-01-31' },
  { key: 'k', keyFor: '1d' },
  { key: 'm', keyPolicy: 'replace' },
  { args: [1, { a: null }], kwargs: { b: 2 }, headers: { c: [null] }, parent: 'p', flow: 'f' },
  { priority: 'lowest', queue: 'é/ü' },
]
test.each(accepted)('a task sent with %j is as if the client had sent it', async (options) => {
  const name = `like.${JSON.stringify(options).length}.${options.queue ?? ''}`
  const input = { n: 1, text: 'é \u{1f33f}', list: [1.5, null, true] }
  const ids = [(await broker.send(name, input, options)).id]
  await broker.cancel(ids)
  ids.push(await send(`${name}2`, input, options))
  await broker.cancel(ids)
  const [ours, theirs] = (await broker.get(ids)).map(likeness)
  expect(theirs?.same).toEqual(ours?.same)
  for (const [index, time] of (theirs?.times ?? []).entries()) {
    expect(Math.abs(time - (ours?.times[index] ?? 0))).toBeLessThan(60_000)
  }
})

test('no input, null and nothing at all are told apart as the client does', async () => {
  const ids = [
    await send('job'),
    await send('job', null),
    (await sql.query(`select lovage.send('job', 'null') as id`)).rows[0].id,
  ]
  const tasks = await broker.get(ids)
  expect(tasks.map((task) => [task?.input, task?.extras?.nullInput])).toEqual([
    ['null', undefined],
    ['null', true],
    ['null', true],
  ])
})

const refused: readonly (readonly [name: string, options: Record<string, unknown>])[] = [
  ['a b', {}],
  ['', {}],
  ['x'.repeat(201), {}],
  ['a\u200bb', {}],
  ['a', { id: 'é' }],
  ['a', { id: '' }],
  ['a', { queue: 'a b' }],
  ['a', { queue: 4 }],
  ['a', { priority: 'urgent' }],
  ['a', { delay: 'soon' }],
  ['a', { delay: '1m 1h' }],
  ['a', { delay: -1 }],
  ['a', { delay: true }],
  ['a', { delay: '1s', at: 1 }],
  ['a', { at: '2027-02-30T00:00:00Z' }],
  ['a', { at: '2027-01-31T09:00:00' }],
  ['a', { deadline: '2001-01-31' }],
  ['a', { delay: '1h', deadline: '30m' }],
  ['a', { key: '' }],
  ['a', { key: 'x'.repeat(501) }],
  ['a', { key: 7 }],
  ['a', { keyFor: '1h' }],
  ['a', { key: 'a', keyPolicy: 'maybe' }],
  ['a', { retryLimit: -1 }],
  ['a', { lostLimit: 1.5 }],
  ['a', { retryLimit: '3' }],
  ['a', { timeout: 0 }],
  ['a', { args: {} }],
  ['a', { headers: [] }],
  ['a', { flow: '' }],
  ['a', { dely: '1s' }],
]
test.each(refused)('what the client refuses is refused with the same code: %j %j', async (name, options) => {
  const ours = await refusalOf(broker.send(name, 1, options as SendOptions))
  expect(ours).toBeDefined()
  expect(await refusalOf(send(name, 1, options))).toBe(ours)
})

test('a refusal says what to do', async () => {
  await expect(send('a', 1, { dely: 1 })).rejects.toMatchObject({ code: '22023', hint: expect.stringContaining('delay, at') })
  await expect(send('a', 1, { key: 7 })).rejects.toMatchObject({ hint: expect.stringContaining('::text') })
  await expect(send('a', 1, { dependencies: ['x'] })).rejects.toMatchObject({ hint: expect.stringContaining('client') })
  await expect(send('a', 1, [])).rejects.toThrow('expected options to be an object')
  await expect(sql.query(`select lovage.send('a', to_jsonb(repeat('x', 5000000)))`)).rejects.toThrow('[payload too large]')
})

describe('durations and times are read as everywhere', () => {
  const read = async (call: string, value: unknown): Promise<number | string | undefined> => {
    try {
      return Number((await sql.query(`select ${call}($1, 'x') as ms`, [JSON.stringify(value)])).rows[0].ms)
    } catch (error) {
      return refusalOf(Promise.reject(error))
    }
  }
  const ours = (work: () => number): number | string => {
    try {
      return work()
    } catch (error) {
      return (error as LovageError).code
    }
  }

  test('durations', async () => {
    const words = fc.constantFrom('ms', 's', 'sec', 'm', 'minutes', 'h', 'd', 'day', 'w', 'weeks', 'x', 'year')
    const part = fc.tuple(fc.constantFrom('1', '2.5', '07', '.5', '1e3', '100000'), fc.constantFrom('', ' ', '  '), words)
    const text = fc.array(part, { minLength: 0, maxLength: 3 }).map((parts) => parts.map((each) => each.join('')).join(' '))
    const value = fc.oneof(
      text,
      fc.string({ unit: 'grapheme-ascii' }),
      fc.double({ min: -10, max: 1e13, noNaN: true }),
      fc.boolean(),
    )
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        // Some zeros are negative.
        expect(await read('lovage.duration_ms', given)).toBe(ours(() => durationMs(given as string) + 0))
      }),
      { numRuns: 300 },
    )
  })

  test('times', async () => {
    const two = (most: number) => fc.integer({ min: 0, max: most }).map((n) => String(n).padStart(2, '0'))
    const zone = fc.constantFrom('Z', '+01:00', '-0330', '', '+15:00', 'z')
    const time = fc
      .tuple(
        fc.integer({ min: 1969, max: 2100 }),
        two(13),
        two(32),
        two(24),
        two(60),
        two(60),
        fc.constantFrom('', '.5', '.123456'),
        zone,
      )
      .map(([y, mo, d, h, mi, s, f, z]) => `${y}-${mo}-${d}T${h}:${mi}:${s}${f}${z}`)
    const day = fc.tuple(fc.integer({ min: 1969, max: 2100 }), two(13), two(32)).map((parts) => parts.join('-'))
    const value = fc.oneof(time, day, fc.integer(), fc.constantFrom('now', 'tomorrow', 'infinity', '2027-1-1'))
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        expect(await read('lovage.instant_ms', given)).toBe(ours(() => instantMs(given)))
      }),
      { numRuns: 300 },
    )
  })
})

test('an id makes sending idempotent, by whichever way it is sent', async () => {
  await broker.send('job', { b: 1, a: [1, 2] }, { id: 'mine', headers: { z: 1, a: 2 } })
  const options = { id: 'mine', headers: { a: 2, z: 1 } }
  expect(await send('job', { a: [1, 2], b: 1 }, options)).toBe('mine')
  await send('job', { b: 1, a: [1, 2] }, { id: 'theirs' })
  expect(await broker.send('job', { b: 1, a: [1, 2] }, { id: 'theirs' })).toMatchObject({ status: 'existing' })
  expect(await refusalOf(send('job', { b: 2 }, options))).toBe('TASK_CONFLICT')
  expect(await refusalOf(send('job', { a: [1, 2], b: 1 }, { ...options, queue: 'q' }))).toBe('TASK_CONFLICT')
  await broker.cancel(['mine'])
  expect(await send('job', { a: [1, 2], b: 1 }, options)).toBe('mine')
})

test('a key is held until its task is resolved, or for its window', async () => {
  const first = await send('unique', 1, { key: 'a' })
  expect(await send('unique', 2, { key: 'a' })).toBe(first)
  expect(await broker.send('unique', 2, { key: 'a' })).toMatchObject({ id: first, status: 'existing' })
  expect(await refusalOf(send('unique', 2, { key: 'a', keyPolicy: 'reject' }))).toBe('KEY_CONFLICT')
  expect(await send('other', 2, { key: 'a' })).not.toBe(first)
  const second = await send('unique', 3, { key: 'a', keyPolicy: 'replace', keyFor: '1h' })
  expect((await broker.get([first]))[0]).toMatchObject({ state: 'exception', reason: 'superseded' })
  await broker.cancel([second])
  expect(await send('unique', 4, { key: 'a' })).toBe(second)
  const third = await send('unique', 5, { key: 'a', keyPolicy: 'replace' })
  expect(third).not.toBe(second)
  await broker.cancel([third])
  expect(await send('unique', 6, { key: 'a' })).not.toBe(third)
})

test('of many that send one key at once, by either way, one is first', async () => {
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  onTestFinished(() => pool.end())
  const ids = await Promise.all(
    Array.from({ length: 40 }, async (_, n) =>
      n % 2 === 0
        ? (await broker.send('race', n, { key: 'r' })).id
        : (await pool.query(`select lovage.send('race', $1, '{"key":"r"}') as id`, [String(n)])).rows[0].id,
    ),
  )
  expect(new Set(ids).size).toBe(1)
  expect((await broker.find({ name: 'race' })).tasks).toHaveLength(1)
})

test('a task whose key is taken is free to go on while the transaction is open', async () => {
  const first = await send('unique', 1, { key: 'free' })
  const other = await client()
  await other.query('begin')
  const { rows } = await other.query(`select lovage.send('unique', '2', '{"key":"free"}') as id`)
  expect(rows[0].id).toBe(first)
  expect(await broker.cancel([first])).toEqual([true])
  await other.query('commit')
})

test("keys and ids of one's own need a transaction that sees them", async () => {
  for (const [index, options] of [{ key: 'rr' }, { id: 'rr' }].entries()) {
    await sql.query(`begin isolation level ${index === 0 ? 'repeatable read' : 'serializable'}`)
    expect(await refusalOf(send('unique', 1, options))).toBe('TRANSACTION_UNUSABLE')
    await sql.query('rollback')
  }
  await sql.query('begin isolation level serializable')
  const id = await send('unique', 1)
  await sql.query('commit')
  expect((await broker.get([id]))[0]).toMatchObject({ state: 'pending' })
})

test('temporary types of whoever is connected are not taken for those of PostgreSQL', async () => {
  const other = await client()
  for (const type of ['jsonb', 'text']) {
    await other.query(`create domain pg_temp.${type} as pg_catalog.${type} check (value is null)`)
  }
  const options = '{"key":"types","keyPolicy":"replace","delay":"1h","headers":{"a":1}}'
  for (const n of [1, 2]) {
    const { rows } = await other.query(`select lovage.send('types', '${n}', '${options}') as id`)
    expect((await broker.get([rows[0].id]))[0]).toMatchObject({ state: 'scheduled', input: String(n) })
  }
})

test('a trigger sends a task for each new row; a worker is woken by the commit, and nothing stays of a rollback', async () => {
  const welcome = defineTask({ name: 'welcome', run: ({ mail }: { mail: string }) => `hello ${mail}` })
  await sql.query(`
    create table account (id bigint generated always as identity primary key, mail text not null);
    create function welcome_account() returns trigger language plpgsql as $$
    begin
      perform lovage.send('welcome', jsonb_build_object('mail', new.mail), jsonb_build_object('id', 'welcome-' || new.id));
      return new;
    end $$;
    create trigger welcome after insert on account for each row execute function welcome_account();`)
  const worker = new Worker({ broker, tasks: [welcome] })
  onTestFinished(() => worker.stop())
  await worker.start()
  await sql.query('begin')
  await sql.query(`insert into account (mail) values ('gone@x')`)
  await sql.query('rollback')
  await sql.query(`insert into account (mail) values ('a@x'), ('b@x')`)
  expect(await broker.task('welcome-2').result({ timeout: '10s' })).toBe('hello a@x')
  expect(await broker.task('welcome-3').result({ timeout: '10s' })).toBe('hello b@x')
  expect(await broker.task('welcome-1').state()).toMatchObject({ state: 'unknown' })
})

test('a delayed task wakes at its time, and one that is replaced is aborted where it runs', async () => {
  const begun: (() => void)[] = []
  const hold = defineTask({
    name: 'hold',
    run: async (n: number, { signal }) => {
      begun.shift()?.()
      if (n === 1) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return n
    },
  })
  const worker = new Worker({ broker, tasks: [hold] })
  onTestFinished(() => worker.stop())
  await worker.start()
  const started = new Promise<void>((resolve) => begun.push(resolve))
  const first = await send('hold', 1, { key: 'h' })
  await started
  const ended = expect(broker.task(first).result({ timeout: '20s' })).rejects.toMatchObject({ code: 'TASK_EXCEPTION' })
  const second = await send('hold', 2, { key: 'h', keyPolicy: 'replace', delay: '1s' })
  await ended
  expect(await broker.task(second).result({ timeout: '20s' })).toBe(2)
})

test('a role that only sends needs no more than the guide says', async () => {
  await sql.query(`
    create role sender login;
    grant usage on schema lovage to sender;
    grant select, insert, update, delete on all tables in schema lovage to sender;
    grant usage on all sequences in schema lovage to sender`)
  const sender = new pg.Client(url.replace('lovage@', 'sender@'))
  await sender.connect()
  onTestFinished(() => sender.end())
  const options = JSON.stringify({ key: 'granted', keyPolicy: 'replace', delay: '1h' })
  for (const n of [1, 2]) {
    const { rows } = await sender.query(`select lovage.send('granted', $1, $2) as id`, [String(n), options])
    expect((await broker.get([rows[0].id]))[0]).toMatchObject({ state: 'scheduled', input: String(n) })
  }
})

test('the schema may have another name', async () => {
  const { postgresBackend } = await import('./index.ts')
  const backend = await postgresBackend(url, { schema: 'mine_too' })
  onTestFinished(() => backend.close())
  const heard = new Promise<string>((resolve) => void backend.signal.subscribe('ready.q', resolve).then(() => sent()))
  const sent = () => sql.query(`select mine_too.send('a', '1', '{"queue":"q","id":"x"}')`)
  expect(await heard).toBe('')
  expect((await backend.store.get(['x']))[0]).toMatchObject({ queue: 'q', input: '1' })
})
