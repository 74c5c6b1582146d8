/** Tables of every schema that there ever was become what new ones are, and keep what is in them. */
import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { inSchema } from './database.ts'
import { cluster } from './fixtures/cluster.ts'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { migratePostgres, postgresSchema, postgresStore } from './index.ts'

const dumps = readdirSync(new URL('./fixtures', import.meta.url)).filter((name) => /^schema-\d+\.sql$/.test(name))
const versions = dumps.map((name) => Number(name.replace(/\D/g, ''))).sort((a, b) => a - b)
const server = await cluster()
const url = await server.database()
let schemas = 0

async function client(): Promise<pg.Client> {
  const made = new pg.Client(url)
  await made.connect()
  onTestFinished(() => made.end())
  return made
}

/** Makes the tables of a version under a name that is as long as every other. */
async function schemaOf(version: number): Promise<string> {
  const schema = `old_${100 + ++schemas}`
  const sql = await client()
  await sql.query(`create schema ${schema}`)
  for (let each = 1; each <= version; each++) {
    await sql.query(inSchema(readFileSync(new URL(`./fixtures/schema-${each}.sql`, import.meta.url), 'utf8'), schema))
  }
  return schema
}

/** Everything that is declared in a schema, without its name and the days of the history. */
async function declared(schema: string): Promise<readonly unknown[]> {
  const sql = await client()
  const { rows } = await sql.query({
    text: `
      select 'column', table_name, column_name, data_type, is_nullable, column_default, is_identity from information_schema.columns
        where table_schema = $1 and table_name !~ '_\\d{8}$'
      union all select 'index', tablename, indexname, indexdef, null, null, null from pg_indexes
        where schemaname = $1 and tablename !~ '_\\d{8}$'
      union all select 'function', proname, pg_get_function_identity_arguments(oid), pg_get_functiondef(oid), null,
        obj_description(oid), null from pg_proc where pronamespace = $1::regnamespace
      union all select 'options', relname, reloptions::text, null, null, null, null from pg_class
        where relnamespace = $1::regnamespace and reloptions is not null
      order by 1, 2, 3`,
    values: [schema],
    rowMode: 'array',
  })
  return rows.map((row) => (row as unknown[]).map((cell) => (typeof cell === 'string' ? cell.replaceAll(schema, 'x') : cell)))
}

test('there is a dump of every schema, so that none is changed once databases have it', async () => {
  const { latest } = await postgresSchema(url, { schema: 'nowhere' })
  expect(versions).toEqual(Array.from({ length: latest }, (_, index) => index + 1))
})

test.each(versions)('tables of schema %i become what new ones are', async (version) => {
  const schema = await schemaOf(version)
  const fresh = `old_${100 + ++schemas}`
  const { latest } = await migratePostgres(url, { schema: fresh })
  expect(await migratePostgres(url, { schema })).toEqual({ current: version, latest })
  expect(await declared(schema)).toEqual(await declared(fresh))
})

test.each(versions)('tables of schema %i open, keep their tasks and work', async (version) => {
  const schema = await schemaOf(version)
  const store = await postgresStore(url, { schema })
  onTestFinished(() => store.close())
  const ids = ['done', 'running', 'pending', 'scheduled', 'blocked']
  const states = (await store.get(ids)).map((task) => task?.state)
  expect(states).toEqual(['completed', 'running', 'pending', 'scheduled', 'blocked'])
  expect(await store.logs('running')).toMatchObject([{ text: 'on it' }])
  expect(await store.records.read('schedule', 's')).toMatchObject({ value: '{}' })
  expect((await store.insert([newTask('other', { key: 'k', keyUntil: 9000 })])).results[0]).toMatchObject({ id: 'done' })
  const { applied, ready } = await store.update([completed({ id: 'running', run: 0 })])
  expect({ applied, ready }).toEqual({ applied: [true], ready: ['default'] })
  const { tasks } = await store.claim(claimRequest({ now: 3000 }))
  expect(tasks.map(({ id }) => id)).toEqual(['blocked', 'pending'])
})

test('tables of an older schema are refused without leave to migrate', async () => {
  const schema = await schemaOf(1)
  await expect(postgresStore(url, { schema, migrate: false })).rejects.toMatchObject({ code: 'SCHEMA_OLDER' })
})

test('a transaction that stays open keeps the migration waiting, and nobody behind it', async () => {
  const schema = await schemaOf(3)
  const [open, other] = [await client(), await client()]
  const complete = (sql: pg.Client, id: string): Promise<pg.QueryResult> =>
    sql.query(`select applied from ${schema}.complete_tasks($1, '{0}', '{1}', '{2}', '{1}')`, [[id]])
  await other.query(
    `insert into ${schema}.task (id, name, queue, priority, state, input, run, lost_limit, created_at)
     values ('a', 'job', 'default', 4, 3, 'null', 0, 5, 1000), ('b', 'job', 'default', 4, 3, 'null', 0, 5, 1000)`,
  )
  await open.query('begin')
  await complete(open, 'a')
  const migration = migratePostgres(url, { schema })
  await expect
    .poll(async () => (await other.query('select from pg_locks where not granted')).rowCount, { timeout: 15_000 })
    .toBe(1)
  expect((await complete(other, 'b')).rows).toEqual([{ applied: [1] }])
  await open.query('commit')
  expect(await migration).toMatchObject({ current: 3 })
})

test('workers go on working while the tables of an older schema are brought up to date', async () => {
  const schema = await schemaOf(1)
  // What a process of that Lovage does from here on: it looked at the version when it began.
  const sql = await client()
  const insert = (id: string): Promise<unknown> =>
    sql.query(
      `insert into ${schema}.task (id, name, queue, priority, state, input, lost_limit, created_at)
       values ($1, 'job', 'default', 4, 2, 'null', 5, 1000)`,
      [id],
    )
  const claim = (): Promise<pg.QueryResult> =>
    sql.query(`select id from ${schema}.claim_tasks('{default}', null, 'h', 'w@h', 10, 1000, 9000, null, null, null, null)`)
  await insert('before')
  const migration = migratePostgres(url, { schema })
  const during = await claim()
  await migration
  await insert('after')
  const after = await claim()
  expect([...during.rows, ...after.rows].flatMap(({ id }) => id ?? [])).toEqual(
    expect.arrayContaining(['before', 'pending', 'after']),
  )
})

test('no function depends on the settings of whoever calls it', async () => {
  const schema = `old_${100 + ++schemas}`
  await migratePostgres(url, { schema })
  const sql = await client()
  const { rows } = await sql.query(
    `select proname from pg_proc where pronamespace = $1::regnamespace
      and not coalesce(proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)`,
    [schema],
  )
  expect(rows.map(({ proname }) => proname)).toEqual([])
})
