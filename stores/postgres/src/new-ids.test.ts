/** Tasks whose ids were made for them are inserted without a look at what is over; settled ones are found where they stood. */
import { expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { postgresStore } from './index.ts'

const server = await cluster()
const url = await server.database()
let schemas = 0

async function opened() {
  const store = await postgresStore(url, { schema: `new_${++schemas}` })
  onTestFinished(() => store.close())
  return store
}

test('a task that is said to be new, and is not, is recognised, and takes no other one along', async () => {
  const store = await opened()
  await store.insert([newTask('a', { input: '1' })])
  const { results, ready } = await store.insert([
    newTask('a', { isNew: true, input: '1' }),
    newTask('b', { isNew: true }),
    newTask('a', { isNew: true, input: '2' }),
  ])
  expect(results.map(({ id, status }) => [id, status])).toEqual([
    ['a', 'existing'],
    ['b', 'inserted'],
    ['a', 'conflict'],
  ])
  expect(ready).toEqual(['default'])
  expect((await store.get(['a', 'b'])).map((task) => task?.input)).toEqual(['1', 'null'])
})

test('a new task that is to begin later is scheduled', async () => {
  const store = await opened()
  const reply = await store.insert([newTask('later', { isNew: true, dueAt: 9000 })])
  expect(reply).toMatchObject({ results: [{ id: 'later', status: 'inserted', state: 'scheduled' }], ready: [], dueAt: 9000 })
})

test('runs are settled whether their rows stand where they were claimed or have moved since', async () => {
  const store = await opened()
  await store.insert(['stays', 'moves', 'elsewhere'].map((id) => newTask(id)))
  const { tasks } = await store.claim(claimRequest())
  await store.renew({ holder: 'h', runs: [{ id: 'moves', run: 0 }], until: 99_000 })
  await store.update([{ id: 'elsewhere', from: 'running', run: 0, patch: { state: 'pending' } }])
  await store.claim(claimRequest({ holder: 'other', ids: ['elsewhere'] }))
  const { applied } = await store.update(tasks.map((task) => completed(task)))
  expect(Object.fromEntries(tasks.map(({ id }, index) => [id, applied[index]]))).toEqual({
    stays: true,
    moves: true,
    elsewhere: false,
  })
  expect((await store.get(['stays', 'moves', 'elsewhere'])).map((task) => task?.state)).toEqual([
    'completed',
    'completed',
    'running',
  ])
})
