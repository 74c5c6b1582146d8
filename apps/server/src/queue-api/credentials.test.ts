/** The HTTP queue where not everybody may do everything: scopes, and the credentials that come with a claim. */
import { memoryBackend } from '@lovage/store-memory'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { definition, type Hall, hall, stockQueue } from './fixtures/hall.ts'

const queueId = 'test-prov/test-type'
const w1 = { workerGroup: 'group', workerId: 'w1' }
const root = { clientId: 'root', accessToken: 'root-token-of-enough-length', scopes: ['*'] }
const workers = {
  clientId: 'workers',
  accessToken: 'worker-token-of-enough-length',
  scopes: [`queue:claim-work:${queueId}`, 'queue:worker-id:group/*'],
}
const creators = {
  clientId: 'creators',
  accessToken: 'creator-token-of-enough-length',
  scopes: [`queue:create-task:low:${queueId}`, 'queue:scheduler-id:-/*', 'queue:create-task:project:none', 'queue:status:*'],
}

let h: Hall
beforeEach(async () => {
  h = await hall(memoryBackend(), { access: { clients: [root, workers, creators] } })
})
afterEach(() => h.close())

const as = ({ clientId, accessToken }: typeof root) => stockQueue(h.server.url, { credentials: { clientId, accessToken } })

test('a claim comes with credentials for its run, and for what the task may do', async () => {
  await as(root).createTask('mine', definition({ scopes: ['queue:status:other'] }))
  await as(root).createTask('other', definition())
  const { tasks } = await as(workers).claimWork(queueId, w1)
  const [{ credentials, takenUntil }] = tasks
  expect(credentials.clientId).toBe(`task-client/mine/0/on/group/w1/until/${Date.parse(takenUntil) / 1000}`)
  const worker = stockQueue(h.server.url, { credentials })
  expect(await worker.reclaimTask('mine', 0)).toMatchObject({ runId: 0, credentials: { certificate: expect.any(String) } })
  expect(await worker.status('other')).toMatchObject({ status: { state: 'pending' } })
  await expect(worker.status('mine')).rejects.toMatchObject({ statusCode: 403, code: 'InsufficientScopes' })
  await expect(worker.reportCompleted('other', 0)).rejects.toMatchObject({ statusCode: 403, code: 'InsufficientScopes' })
  expect((await worker.reportCompleted('mine', 0)).status.state).toBe('completed')
})

test('whoever may use a priority may use those below it', async () => {
  const queue = as(creators)
  for (const priority of ['low', 'very-low', 'lowest']) await queue.createTask(priority, definition({ priority }))
  await expect(queue.createTask('medium', definition({ priority: 'medium' }))).rejects.toMatchObject({ statusCode: 403 })
  await expect(queue.createTask('routed', definition({ routes: ['index.it'] }))).rejects.toMatchObject({ statusCode: 403 })
  await expect(queue.createTask('scoped', definition({ scopes: ['assume:it'] }))).rejects.toMatchObject({ statusCode: 403 })
  await expect(queue.cancelTask('low')).rejects.toMatchObject({ statusCode: 403, code: 'InsufficientScopes' })
  await expect(queue.status('routed')).rejects.toMatchObject({ statusCode: 404 })
})

test('nobody gets in without credentials, except to what is for everybody', async () => {
  const nobody = stockQueue(h.server.url)
  expect(await nobody.ping()).toMatchObject({ alive: true })
  await expect(nobody.claimWork(queueId, w1)).rejects.toMatchObject({
    code: expect.stringMatching(/AuthenticationFailed|InsufficientScopes/),
  })
  await as(root).createTask('mine', definition())
  await as(root).claimWork(queueId, w1)
  const reference = { storageType: 'reference', expires: new Date(Date.now() + 60_000).toJSON(), contentType: 'text/plain' }
  for (const name of ['public/log', 'private/log'])
    await as(root).createArtifact('mine', 0, name, { ...reference, url: 'https://example.com/' })
  expect(await nobody.latestArtifact('mine', 'public/log')).toMatchObject({ url: 'https://example.com/' })
  await expect(nobody.latestArtifact('mine', 'private/log')).rejects.toMatchObject({
    code: expect.stringMatching(/Failed|Insufficient/),
  })
})

test('a bearer token is as good as a signature', async () => {
  const headers = { authorization: `Bearer ${workers.accessToken}` }
  await as(root).createTask('mine', definition())
  const body = JSON.stringify(w1)
  const response = await fetch(`${h.server.url}/api/queue/v1/claim-work/${queueId}`, { method: 'POST', headers, body })
  expect(await response.json()).toMatchObject({ tasks: [{ status: { taskId: 'mine' } }] })
})
