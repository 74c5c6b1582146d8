/** Opening: tables are made once however many come at a time, and what cannot be opened says why. */
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { newTask } from './fixtures/new-task.ts'
import { migratePostgres, type PostgresOptions, postgresSchema, postgresStore } from './index.ts'

const server = await cluster()
const url = await server.database()
let schemas = 0
const fresh = (): string => `opening_${++schemas}`

async function sql(text: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

test('many that open an empty database at once agree on its tables', async () => {
  const schema = fresh()
  const stores = await Promise.all(Array.from({ length: 8 }, () => postgresStore(url, { schema, connections: 1 })))
  await Promise.all(stores.map((store, index) => store.insert([newTask(`t${index}`)])))
  expect((await stores[0]?.counts())?.map(({ count }) => count)).toEqual([8])
  await Promise.all(stores.map((store) => store.close()))
  const { current, latest } = await postgresSchema(url, { schema })
  expect(current).toBe(latest)
})

test('queues in different schemas of one database know nothing of each other', async () => {
  const [one, other] = await Promise.all([postgresStore(url, { schema: fresh() }), postgresStore(url, { schema: fresh() })])
  await one.insert([newTask('a')])
  expect(await other.get(['a'])).toEqual([undefined])
  await Promise.all([one.close(), other.close()])
})

test('tables are looked at without a change, and made on request', async () => {
  const schema = fresh()
  const { latest } = await postgresSchema(url, { schema })
  expect(await postgresSchema(url, { schema })).toEqual({ current: 0, latest })
  await expect(postgresStore(url, { schema, migrate: false })).rejects.toMatchObject({
    code: 'SCHEMA_OLDER',
    message: expect.stringContaining(`to have schema ${latest}, got: 0. Run \`lovage migrate\``),
  })
  expect(await postgresSchema(url, { schema })).toEqual({ current: 0, latest })
  expect(await migratePostgres(url, { schema })).toEqual({ current: 0, latest })
  await (await postgresStore(url, { schema, migrate: false })).close()
})

test('who only looks leaves nothing behind', async () => {
  const schema = fresh()
  await expect(postgresStore(url, { schema, create: false })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringMatching(/expected a Lovage queue in the schema opening_\d+ of postgres:.*, got none/),
  })
  expect(await sql(`select nspname from pg_namespace where nspname = '${schema}'`)).toEqual([])
  await migratePostgres(url, { schema })
  await (await postgresStore(url, { schema, create: false })).close()
})

test('a schema of a newer Lovage is refused, and stays as it is', async () => {
  const schema = fresh()
  await migratePostgres(url, { schema })
  await sql(`insert into ${schema}.version values (99)`)
  await expect(postgresStore(url, { schema })).rejects.toMatchObject({
    code: 'SCHEMA_NEWER',
    message: expect.stringMatching(/99/),
  })
  await expect(migratePostgres(url, { schema })).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
  expect(await sql(`select max(number) from ${schema}.version`)).toEqual([{ max: 99 }])
})

test.for<[string, string, RegExp]>([
  ['nobody listens', 'postgres://lovage@127.0.0.1:1/x', /a PostgreSQL server to answer at postgres:\/\/127\.0\.0\.1:1\/x, got: /],
  ['no such host', 'postgres://lovage:secret@lovage.invalid/x', /to answer at postgres:\/\/lovage\.invalid\/x/],
  ['no such database', `postgres://lovage@127.0.0.1:${server.port}/nowhere`, /the database to exist; create it first/],
  ['no such user', `postgres://nobody@127.0.0.1:${server.port}/postgres`, /to be let in; check user, password/],
])('is unavailable: %s', async ([, address, message]) => {
  const opening = postgresStore(address)
  await expect(opening).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
  await expect(opening).rejects.toThrow(message)
  await expect(opening).rejects.not.toThrow(/secret/)
})

test.for<[PostgresOptions, RegExp]>([
  [{ schema: 'Queue; drop' }, /expected `schema` to be a name of 1 to 40 small letters/],
  [{ connections: 0 }, /expected `connections` to be a whole number from 1, got: 0/],
  [{ conections: 2 } as PostgresOptions, /did you mean `connections`\?/],
])('refuses the options %o', async ([options, message]) => {
  await expect(postgresStore(url, options)).rejects.toThrow(message)
})

test('a server that was killed and is back is used again, and nothing that was acknowledged is lost', async () => {
  const own = await cluster({ fsync: 'on' })
  const address = await own.database()
  const store = await postgresStore(address)
  onTestFinished(() => store.close())
  await store.insert([newTask('kept')])
  await own.crash()
  await expect(store.get(['kept'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await own.restart()
  expect((await store.get(['kept']))[0]).toMatchObject({ id: 'kept', state: 'pending' })
})
