/** Two servers on PostgreSQL are one gateway: tokens and pauses of one hold at the other, told and not looked up. */
import { startPostgres } from '@lovage/services'
import { io, type Socket } from 'socket.io-client'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { deadlineMs, type Ended, type LovageCommand, LovageFolder } from './fixtures/lovage-command.ts'

const postgres = await startPostgres()
afterAll(() => postgres.stop())

let folder: LovageFolder
let environment: { LOVAGE_BROKER: string }
const sockets: Socket[] = []
beforeEach(async () => {
  folder = await LovageFolder.make()
  environment = { LOVAGE_BROKER: await postgres.database() }
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.disconnect()
  await folder.close()
})

const lovage = (...args: string[]): Promise<Ended> => folder.run(args, { environment })

/** With a lease so long that nothing is looked up in time: what is known here was told. */
async function serve(): Promise<{ readonly url: string; readonly server: LovageCommand }> {
  const server = folder.start(['server', '--port', '0', '--lease', '1 hour'], { environment })
  const [, url = ''] = await server.says(/url +(http:\S+)/)
  await server.says(/pid/)
  return { url, server }
}

async function worker(url: string, id: string, token: string): Promise<Socket> {
  const socket = io(url, { forceNew: true, reconnection: false, auth: { token } })
  sockets.push(socket)
  await next(socket, 'connect')
  const options = { protocol: 1, instance: `i-${id}`, queues: ['q'], features: ['ack'] }
  expect(await socket.emitWithAck('worker.connect', id, options)).toMatchObject({ ok: true })
  return socket
}

function next(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve)
    AbortSignal.timeout(deadlineMs).addEventListener('abort', () => reject(new Error(`expected ${event}, got nothing`)))
  })
}

test('a token is good at both, its revocation sends workers of both away', { timeout: 120_000 }, async () => {
  const [here, there] = [await serve(), await serve()]
  const { id, token } = JSON.parse((await lovage('token', 'create', '-Q', 'q', '--json')).stdout) as { id: string; token: string }
  const workers = [await worker(here.url, 'one', token), await worker(there.url, 'two', token)]
  const gone = workers.map((socket) => next(socket, 'disconnect'))
  expect(await lovage('token', 'revoke', id)).toMatchObject({ code: 0 })
  expect(await Promise.all(gone)).toEqual(['io server disconnect', 'io server disconnect'])
})

test('a pause that is begun at one holds at the other', { timeout: 120_000 }, async () => {
  const [here, there] = [await serve(), await serve()]
  const socket = await worker(there.url, 'one', (await lovage('token', 'create')).stdout.trim())
  const [paused, resumed] = [next(socket, 'worker.pause'), next(socket, 'worker.resume')]
  await fetch(`${here.url}/api/workers/one/pause`, { method: 'POST' })
  expect(await paused).toMatchObject({ reason: 'paused by an operator' })
  await fetch(`${here.url}/api/workers/one/resume`, { method: 'POST' })
  await resumed
})
