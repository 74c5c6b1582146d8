/** Tokens of workers from the command line: made, used at a server in another process, listed, revoked. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { io, type Socket } from 'socket.io-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LovageCommand, LovageFolder } from './fixtures/lovage-command.ts'

let folder: LovageFolder
const sockets: Socket[] = []
beforeEach(async () => {
  folder = await LovageFolder.make()
  await writeFile(join(folder.path, 'clients.txt'), 'ci a-token-of-some-length-1 *\n')
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.disconnect()
  await folder.close()
})

async function serverAt(...options: string[]): Promise<{ url: string; server: LovageCommand }> {
  const server = folder.start(['server', '--port', '0', ...options])
  const [, port] = await server.says(/url +http:\/\/[\d.]+:(\d+)/)
  await server.says(/pid/)
  return { url: `http://127.0.0.1:${port}`, server }
}

function worker(url: string, token?: string): Socket {
  const socket = io(url, { forceNew: true, reconnection: false, auth: token === undefined ? {} : { token } })
  sockets.push(socket)
  return socket
}

const next = (socket: Socket, event: string): Promise<unknown> => new Promise((resolve) => socket.once(event, resolve))

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await folder.run([...args, '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Record<string, unknown>
}

describe('lovage token', { timeout: 60_000 }, () => {
  test('makes what lets a worker in, and revokes it: the worker goes at once', async () => {
    const { url, server } = await serverAt('--host', '0.0.0.0', '--token-file', 'clients.txt')
    expect(server.output).toMatch(/gateway +for workers with a token \(lovage token create\)/)
    expect(await next(worker(url), 'connect_error')).toMatchObject({ data: { code: 'unauthorized' } })
    await server.says(/a worker was not let in .*reason=expected a token, got none/)
    const made = await folder.run(['token', 'create', '--id', 'img-*', '-Q', 'a,b', '--expires', '90 days', '--name', 'kiosk'])
    const [, id = ''] = /^lovage-(\w+)-[\w-]{43}\n$/.exec(made.stdout) ?? []
    expect(made.stderr).toMatch(
      new RegExp(`^token ${id}: workers img-\\*, queues a, b, until .* \\(in 90d\\); it is not shown again\n$`),
    )
    const socket = worker(url, made.stdout.trim())
    await next(socket, 'connect')
    const options = { protocol: 1, instance: 'i', queues: ['a'] }
    expect(await socket.emitWithAck('worker.connect', 'img-1', options)).toMatchObject({ ok: true })
    const gone = next(socket, 'disconnect')
    expect(await folder.run(['token', 'revoke', id])).toMatchObject({
      code: 0,
      stdout: `${id} revoked; workers that came in with it are sent away\n`,
    })
    expect(await gone).toBe('io server disconnect')
    expect(server.output).not.toContain(made.stdout.trim())
    server.signal('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
  })

  test('lists tokens, with and without an end', async () => {
    expect(await folder.run(['token', 'list'])).toMatchObject({ code: 69 })
    const first = await json('token', 'create', '--id', 'w', '--expires', '1ms')
    const second = await json('token', 'create')
    expect(second).toMatchObject({ ids: ['*'], queues: ['*'], expired: false, token: expect.stringMatching(/^lovage-/) })
    const { stdout } = await folder.run(['token', 'list'])
    expect(stdout).toMatch(new RegExp(`^${second.id} +\\* +\\* +never`, 'm'))
    expect(stdout).toMatch(new RegExp(`^${first.id} +w +w +expired`, 'm'))
    const { tokens } = await json('token', 'list')
    expect(tokens).toEqual([
      expect.not.objectContaining({ token: expect.anything() }),
      expect.objectContaining({ expired: true }),
    ])
    await json('token', 'revoke', String(first.id))
    const again = await folder.run(['token', 'revoke', String(first.id)])
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/^lovage: expected the id of a token, got: /) })
    const pasted = await folder.run(['token', 'revoke', String(second.token)])
    expect(pasted.stderr).not.toContain(String(second.token))
  })

  test.each([
    [['token', 'create', '--id', 'a*b'], /names with a \* at the end alone/],
    [['token', 'create', '--expires', '5'], /expected --expires to have a unit/],
    [['server', '--gateway-grace', '5'], /expected --gateway-grace to have a unit/],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await folder.run(args)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) })
  })
})

describe('a server', { timeout: 60_000 }, () => {
  test('lets workers of this machine in without a token, and waits for what they run', async () => {
    const { url, server } = await serverAt()
    expect(server.output).toMatch(/gateway +for workers of this machine, others with a token/)
    const socket = worker(url)
    await next(socket, 'connect')
    socket.emit('worker.connect', 'w')
    const task = next(socket, 'worker.task')
    const id = (await folder.run(['send', 'greet', '{"who":"world"}', '-Q', 'w'])).stdout.trim()
    expect(await task).toEqual({ id, properties: { who: 'world' } })
    const said = next(socket, 'worker.error')
    server.signal('SIGTERM')
    expect(await said).toBe('this server is shutting down')
    socket.emit('worker.task.done', { id, success: true, results: 'hello' })
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(await folder.run(['result', id])).toMatchObject({ code: 0, stdout: '"hello"\n' })
  })

  test('lets every worker in where that is asked for', async () => {
    const { url, server } = await serverAt('--anonymous-workers', '--host', '0.0.0.0', '--token-file', 'clients.txt')
    expect(server.output).toMatch(/gateway +for every worker/)
    const socket = worker(url)
    await next(socket, 'connect')
  })

  test('has no gateway where nobody wants one', async () => {
    const { url, server } = await serverAt('--no-gateway')
    expect(server.output).not.toContain('gateway')
    expect(await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).toMatchObject({ status: 404 })
  })
})
