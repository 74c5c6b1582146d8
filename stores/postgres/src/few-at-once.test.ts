/** Whoever waits for its turn when the store is closed has called before that: it is waited for. */
import { expect, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { postgresStore } from './index.ts'

const server = await cluster()

test('a store that is closed waits for the calls that wait for their turn', async () => {
  const store = await postgresStore(await server.database(), { connections: 2 })
  const ids = Array.from({ length: 10 }, (_, n) => `t${n}`)
  await store.insert(ids.map((id) => newTask(id)))
  await store.claim(claimRequest({ limit: 10, now: 3000 }))
  const updates = ids.map((id) => store.update([completed({ id, run: 0 })]))
  const inserts = ids.map((id) => store.insert([newTask(`${id}-keyed`, { key: id })]))
  await store.close()
  expect((await Promise.all(updates)).map(({ applied }) => applied)).toEqual(ids.map(() => [true]))
  expect((await Promise.all(inserts)).flatMap(({ results }) => results)).toHaveLength(10)
  await expect(store.update([completed({ id: 't0', run: 0 })])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})
