/** What is tried against access over real HTTP: headers that are made to confuse, to slow down or to give away. */
import { request } from 'node:http'
import { type TestBroker, testBroker } from '@lovage/testing'
import { client as hawk } from 'hawk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AccessClient, type AccessOptions, createServer, type Listening } from '../index.ts'
import { temporaryCredentials } from './temporary-credentials.ts'

const root: AccessClient = { clientId: 'root', accessToken: 'root-token-of-enough-length', scopes: ['*'] }
const credentials = { id: root.clientId, key: root.accessToken, algorithm: 'sha256' }

let broker: TestBroker
const servers: Listening[] = []
beforeEach(async () => {
  broker = await testBroker()
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
  await broker.close()
})

async function listen(access: AccessOptions, host: string): Promise<number> {
  const server = await createServer({ client: broker, access }).listen(0, host)
  servers.push(server)
  return server.port
}

/** With headers that `fetch` would not send. */
function statusOf(port: number, path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, headers }, (answer) => resolve(answer.resume().statusCode))
    sent.on('error', reject).end()
  })
}

test('a signed address is good for itself alone, whatever stands before it in the host', async () => {
  const publicUrl = 'https://queue.example.com'
  const port = await listen({ clients: [root], publicUrl }, '0.0.0.0')
  const path = `/api/schedules?bewit=${hawk.getBewit(`${publicUrl}/api/schedules`, { credentials, ttlSec: 60 })}`
  // As long as its name in ASCII, `xn--tda.xn--tda`: so it passes for a name, and its path for the beginning of the path.
  const host = '\u00fc.\u00fc/api/tasks?x'
  expect([await statusOf(port, path, { host: 'queue.example.com' }), await statusOf(port, path, { host })]).toEqual([200, 401])
})

test('a long header is read in no time', { timeout: 15_000 }, async () => {
  const { app } = createServer({ client: broker, access: { clients: [root] } })
  const authorization = `Bearer x${' '.repeat(200_000)}y`
  expect((await app.request('/api/tasks', { headers: { authorization } })).status).toBe(401)
})

test('a token without the word Bearer is not repeated', async () => {
  const { app } = createServer({ client: broker, access: { clients: [root] } })
  const answer = await app.request('/api/tasks', { headers: { authorization: root.accessToken } })
  const text = await answer.text()
  expect([answer.status, text]).toEqual([401, expect.stringContaining('Bearer or Hawk')])
  expect(text).not.toContain(root.accessToken)
})

test.each([
  ['team/x', 200],
  ['x\nissuer:root', 401],
])('a signed address names its signer in one line: %j', async (clientId, status) => {
  const { app } = createServer({ client: broker, access: { clients: [root] } })
  const times = { start: Date.now(), expiry: Date.now() + 60_000 }
  const named = temporaryCredentials(root, { clientId, scopes: ['lovage:read:tasks'], ...times })
  const ext = Buffer.from(`{"certificate":${named.certificate}}`).toString('base64')
  const signer = { id: clientId, key: named.accessToken, algorithm: 'sha256' }
  const bewit = hawk.getBewit('http://localhost/api/tasks', { credentials: signer, ttlSec: 60, ext })
  expect((await app.request(`/api/tasks?bewit=${bewit}`)).status).toBe(status)
})
