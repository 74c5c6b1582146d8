/** The gateway of a server: beside the HTTP API at the same port, over polling and WebSocket, and closed before it. */
import { once } from 'node:events'
import { connect as connectTo } from 'node:net'
import { workerTokens } from '@lovage/broker-socketio'
import { type TestBroker, testBroker } from '@lovage/testing'
import { io, type Socket } from 'socket.io-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createServer, type Listening, type ServerOptions } from './index.ts'

let broker: TestBroker
const servers: Listening[] = []
const sockets: Socket[] = []
beforeEach(async () => {
  broker = await testBroker()
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.disconnect()
  for (const server of servers.splice(0)) await server.close({ cold: true })
  await broker.close()
})

async function listen(options: Partial<ServerOptions> = {}): Promise<Listening> {
  const server = await createServer({ client: broker, ...options }).listen(0)
  servers.push(server)
  return server
}

/** A worker that is registered. */
async function worker(url: string, transports = ['websocket']): Promise<Socket> {
  const socket = io(url, { transports, forceNew: true })
  sockets.push(socket)
  await next(socket, 'connect')
  socket.emit('worker.connect', 'w')
  await next(socket, 'worker.connect')
  return socket
}

async function next(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve) => socket.once(event, resolve))
}

test.each([
  ['/', 'polling'],
  ['/', 'websocket'],
  ['/workers', 'polling'],
  ['/workers', 'websocket'],
])('a worker works in %s over %s; the API and the stream of events go on', async (namespace, transport) => {
  const server = await listen()
  const socket = await worker(server.url + namespace, [transport])
  const events = await fetch(`${server.url}/api/events`)
  const body = JSON.stringify({ name: 'greet', queue: 'w', id: 'a', input: { who: 'world' } })
  const task = next(socket, 'worker.task')
  const headers = { 'content-type': 'application/json' }
  expect(await fetch(`${server.url}/api/tasks`, { method: 'POST', headers, body })).toMatchObject({ status: 201 })
  expect(await task).toEqual({ id: 'a', properties: { who: 'world' } })
  socket.emit('worker.task.done', { id: 'a', success: true, results: 'hello' })
  const result = await fetch(`${server.url}/api/tasks/a/result?wait=10`)
  expect(await result.json()).toMatchObject({ state: 'completed', result: 'hello' })
  expect(events.status).toBe(200)
  await events.body?.cancel()
})

test('requests that ask for another protocol on the way get their answer', async () => {
  const { port } = await listen()
  const socket = connectTo(port, '127.0.0.1')
  socket.end('GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
  socket.destroy()
})

test('a server without a gateway knows nothing of the address', async () => {
  const { url } = await listen({ gateway: false })
  expect(await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).toMatchObject({ status: 404 })
})

test('it closes when what its workers run is done, and answers until then', async () => {
  const server = await listen({ gateway: { drain: '1 minute' } })
  const socket = await worker(server.url)
  const task = next(socket, 'worker.task')
  await broker.tasks.send([{ id: 'a', name: 'greet', queue: 'w', priority: 4 }])
  await task
  const said = next(socket, 'worker.error')
  const closed = server.close()
  expect(await said).toBe('this server is shutting down')
  expect(await fetch(`${server.url}/health`)).toMatchObject({ status: 200 })
  socket.emit('worker.task.done', { id: 'a', success: true, results: 1 })
  await closed
  expect(await broker.results.get(['a'])).toMatchObject([{ state: 'completed' }])
  await expect(fetch(`${server.url}/health`)).rejects.toThrow()
})

test('it waits no longer when it is told so', async () => {
  const server = await listen({ gateway: { drain: '1 minute' } })
  const socket = await worker(server.url)
  const task = next(socket, 'worker.task')
  await broker.tasks.send([{ id: 'a', name: 'greet', queue: 'w', priority: 4 }])
  await task
  const closed = server.close()
  await server.close({ cold: true })
  await closed
  expect(await broker.results.get(['a'])).toMatchObject([{ state: 'running' }])
})

test('a port that is taken leaves no gateway behind', async () => {
  const { port } = await listen()
  await expect(createServer({ client: broker }).listen(port)).rejects.toMatchObject({ code: 'PORT_TAKEN' })
})

const clients = [{ clientId: 'ci', accessToken: 'a-token-of-some-length-1', scopes: ['*'] }]

/** Why its connection is refused. */
async function refusal(url: string, auth: object): Promise<unknown> {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, auth })
  sockets.push(socket)
  return next(socket, 'connect_error')
}

test('where the API asks who calls, workers show a token of their own', async () => {
  const { url } = await listen({ access: { clients } })
  expect(await refusal(url, {})).toMatchObject({ data: { code: 'unauthorized' } })
  expect(await refusal(url, { token: 'a-token-of-some-length-1' })).toMatchObject({ data: { code: 'unauthorized' } })
  const { token, id } = await workerTokens(broker).create()
  const socket = io(url, { auth: { token }, forceNew: true })
  sockets.push(socket)
  await next(socket, 'connect')
  const gone = next(socket, 'disconnect')
  await workerTokens(broker).revoke(id)
  expect(await gone).toBe('io server disconnect')
  expect(await fetch(`${url}/api/queues`, { headers: { authorization: `Bearer ${token}` } })).toMatchObject({ status: 401 })
})

test('workers without a token come in where that was asked for', async () => {
  const { url } = await listen({ access: { clients }, gateway: { anonymous: true } })
  await worker(url)
})

test('the API shows workers, and begins and ends their pauses', async () => {
  const { url } = await listen()
  const post = async (path: string, body?: object) => {
    const init = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await fetch(url + path, { method: 'POST', ...init })
    return { status: response.status, body: await response.json() }
  }
  const listed = async () => ((await (await fetch(`${url}/api/workers`)).json()) as { workers: object[] }).workers
  const socket = await worker(url)
  await expect.poll(listed).toMatchObject([{ id: 'w', name: 'w@127.0.0.1', queues: ['w'], everyTask: true }])
  const told = next(socket, 'worker.error')
  const paused = { until: broker.clock.now() + 3_600_000, reason: 'upgrade', count: 1 }
  expect(await post('/api/workers/w/pause', { duration: '1 hour', reason: 'upgrade' })).toEqual({
    status: 200,
    body: { worker: 'w', paused },
  })
  expect(await told).toBe(`paused until ${new Date(paused.until).toJSON()}: upgrade`)
  expect(await listed()).toMatchObject([{ id: 'w', paused }])
  expect(await post('/api/workers/w@127.0.0.1/resume')).toEqual({ status: 200, body: { worker: 'w', paused: false } })
  expect(await listed()).toEqual([expect.not.objectContaining({ paused: expect.anything() })])
  expect(await post('/api/workers/w/pause')).toMatchObject({ status: 200, body: { paused: { reason: 'paused by an operator' } } })
  expect(await post('/api/workers/w/pause', { duration: 'long' })).toMatchObject({
    status: 400,
    body: { code: 'DURATION_INVALID' },
  })
  expect(await post('/api/workers/two%20words/pause')).toMatchObject({ status: 400, body: { code: 'NAME_INVALID' } })
})

test('workers that take their tasks themselves are paused another way', async () => {
  const { url } = await listen()
  const listener = { deliver() {}, revoke() {}, error() {} }
  const consumer = await broker.tasks.consume({ queues: ['q'], prefetch: 1, worker: 'own@here', tasks: [] }, listener)
  const response = await fetch(`${url}/api/workers/own@here/pause`, { method: 'POST' })
  expect(await response.json()).toMatchObject({ code: 'REQUEST_INVALID', message: expect.stringContaining('/api/control/pause') })
  await consumer.close()
})
