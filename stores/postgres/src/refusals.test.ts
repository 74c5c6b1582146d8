/** What PostgreSQL cannot write is refused in words that say whose turn it is. */
import type { NewTask } from '@lovage/core'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { newTask } from './fixtures/new-task.ts'
import { postgresStore } from './index.ts'

const server = await cluster()

async function store() {
  const made = await postgresStore(await server.database())
  onTestFinished(() => made.close())
  return made
}

test.for([
  ['a NUL in a name', { name: 'a\0b' }, 'NAME_INVALID'],
  ['a NUL in a queue', { queue: 'a\0b' }, 'NAME_INVALID'],
  ['a NUL in an id', { id: 'a\0b' }, 'NAME_INVALID'],
  ['a NUL in a key', { key: 'a\0b' }, 'NAME_INVALID'],
  // Compressible texts are kept shorter.
  [
    'a key that no index takes',
    { key: Array.from({ length: 3000 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7919) % 20000))).join('') },
    'NAME_INVALID',
  ],
  ['a number that no column takes', { priority: 100_000 }, 'OPTION_INVALID'],
  ['a number that is not whole', { deadline: 1.5 }, 'OPTION_INVALID'],
] as const)('%s', async ([, fields, code]) => {
  await expect((await store()).insert([newTask('x', fields)])).rejects.toMatchObject({
    name: 'ConfigError',
    code,
    retryable: false,
  })
})

test('in a transaction of the caller, too, which goes on after it', async () => {
  const url = await server.database()
  const tasks = await postgresStore(url)
  onTestFinished(() => tasks.close())
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('begin')
  const insert = (fields: Partial<NewTask>) => tasks.insert([newTask('x', fields)], { transaction: client })
  await expect(insert({ priority: 100_000 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await insert({ priority: 4 })
  await client.query('commit')
  expect((await tasks.get(['x']))[0]).toMatchObject({ priority: 4 })
})

test('more retries than a column can count are as many as it can', async () => {
  const tasks = await store()
  await tasks.insert([newTask('x', { retryLimit: Number.MAX_SAFE_INTEGER })])
  expect((await tasks.get(['x']))[0]?.retryLimit).toBe(2_147_483_647)
})
