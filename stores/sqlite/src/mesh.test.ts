/** Processes on one file: messages cross, deaths are noticed, freezes are not deaths, and noise is survived. */
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdir, readdir, realpath, rename, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { backendProcess } from './fixtures/backend-process.ts'
import { next } from './fixtures/deadline.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqlitePeers } from './sqlite-backend.ts'
import { sqliteStore } from './sqlite-store.ts'

/** Waits for what other processes bring about; a loaded machine may take its time. */
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000 })

/** A file with nobody on it. */
async function emptyFile(name?: string): Promise<string> {
  const path = await scratchFile(onTestFinished, name)
  await (await sqliteStore(path)).close()
  return path
}

/** Signal and liveness in this process. */
function peersOn(path: string) {
  const peers = sqlitePeers(path)
  onTestFinished(async () => {
    await peers.signal.close()
    await peers.liveness.close()
  })
  return peers
}

async function socketsOf(path: string): Promise<readonly string[]> {
  return (await readdir(`${await realpath(path)}-peers`)).filter((name) => name.endsWith('.sock'))
}

test('a message reaches every subscriber of its channel, in this process and in others', async () => {
  const path = await emptyFile()
  const [a, b] = [peersOn(path), peersOn(path)]
  const heard: string[] = []
  await a.signal.subscribe('x', (text) => heard.push(`a ${text}`))
  const ended = await b.signal.subscribe('x', (text) => heard.push(`b ${text}`))
  await b.signal.subscribe('y', (text) => heard.push(`b y ${text}`))
  const process = await backendProcess(onTestFinished, path)
  await process.order('subscribe', 'x')
  a.signal.publish('x', '1')
  expect(await next(process.events, 'x')).toBe('1')
  await process.order('publish', 'y', 'é\n"')
  await eventually(() => expect(heard.sort()).toEqual(['a 1', 'b 1', 'b y é\n"']))
  ended()
  await process.order('echo', 'ping', 'pong')
  const pong = new EventEmitter()
  await a.signal.subscribe('pong', (text) => pong.emit('pong', text))
  a.signal.publish('x', '2')
  a.signal.publish('ping', 'done')
  expect(await next(pong, 'pong')).toBe('done')
  expect(heard).toEqual(['a 1', 'b 1', 'b y é\n"', 'a 2'])
})

test('messages of one publisher arrive whole and in their order, however many and large', async () => {
  const path = await emptyFile()
  const [a, b] = [peersOn(path), peersOn(path)]
  const heard: string[] = []
  await b.signal.subscribe('x', (text) => heard.push(text))
  const sent = Array.from({ length: 300 }, (_, index) => `${index} ${'ü'.repeat(index * 20)}`)
  // The first are published before this side has found the other.
  for (const text of sent) a.signal.publish('x', text)
  await eventually(() => expect(heard.length).toBe(sent.length))
  expect(heard).toEqual(sent)
})

test('whether anyone may be listening is known', async () => {
  const path = await emptyFile()
  const [a, b] = [peersOn(path), peersOn(path)]
  expect(a.signal.heard('x')).toBe(true)
  const ended = await b.signal.subscribe('x', () => {})
  await a.signal.subscribe('other', () => {})
  expect([a.signal.heard('x'), a.signal.heard('y'), a.signal.heard('other')]).toEqual([true, false, true])
  ended()
  await eventually(() => expect(a.signal.heard('x')).toBe(false))
})

test('a killed process is noticed by all others at once, a released holder by none', async () => {
  const path = await emptyFile()
  const watcher = peersOn(path)
  const lost: string[] = []
  await watcher.liveness.watch((holder) => void lost.push(holder))
  const [first, second] = await Promise.all([1, 2].map(() => backendProcess(onTestFinished, path)))
  const [one, two] = [await first!.order('hold', 'w1'), await first!.order('hold', 'w2')] as [string, string]
  const own = await watcher.liveness.hold('w3')
  await second!.order('watch')
  expect(await watcher.liveness.lost([one, two, own.id])).toEqual([])
  const heard = next(second!.events, 'lost')
  await first!.kill()
  expect([one, two]).toContain(await heard)
  await eventually(() => expect(lost.sort()).toEqual([one, two].sort()))
  expect(await watcher.liveness.lost([one, own.id, two, 'unknown', ''])).toEqual([one, two])
  expect(await second!.order('lost', [one, own.id])).toEqual([one])

  const third = await second!.order('hold', 'w4')
  await second!.order('close')
  await eventually(() => expect(lost).toContain(third))
  await own.release()
  expect(await watcher.liveness.lost([own.id])).toEqual([own.id])
})

test('a clean end alarms nobody', async () => {
  const path = await emptyFile()
  const [a, b] = [peersOn(path), peersOn(path)]
  const lost: string[] = []
  await a.liveness.watch((holder) => void lost.push(holder))
  const released = await b.liveness.hold('w1')
  const kept = await b.liveness.hold('w2')
  await released.release()
  await b.liveness.close()
  // The one that was kept is told; had the other been told, it would have been before.
  await eventually(() => expect(lost).toEqual([kept.id]))
})

test('a frozen process is not lost', async () => {
  const path = await emptyFile()
  const watcher = peersOn(path)
  const lost: string[] = []
  await watcher.liveness.watch((holder) => void lost.push(holder))
  const frozen = await backendProcess(onTestFinished, path)
  const holder = (await frozen.order('hold', 'w')) as string
  frozen.child.kill('SIGSTOP')
  expect(await watcher.liveness.lost([holder])).toEqual([])
  // One who comes while it is frozen cannot know what it holds, and so does not call it lost either.
  const newcomer = peersOn(path)
  expect(await newcomer.liveness.lost([holder])).toEqual([])
  expect(lost).toEqual([])
  frozen.child.kill('SIGCONT')
  await frozen.order('subscribe', 'x')
  newcomer.signal.publish('x', 'awake')
  await frozen.order('lost', [])
  frozen.child.kill('SIGKILL')
  await eventually(() => expect(lost).toEqual([holder]))
})

test('a process that does not read is skipped once enough waits for it, and the others are served', async () => {
  const path = await emptyFile()
  const { signal } = peersOn(path)
  const [slow, quick] = await Promise.all([1, 2].map(() => backendProcess(onTestFinished, path)))
  await Promise.all([slow!.order('subscribe', 'x'), quick!.order('subscribe', 'end')])
  signal.publish('x', 'hello')
  await next(slow!.events, 'x')
  slow!.child.kill('SIGSTOP')
  const kept: unknown[] = []
  slow!.events.on('x', (text: unknown) => kept.push(text))
  const warned = next(process, 'warning')
  const megabyte = 'x'.repeat(1024 * 1024)
  for (let count = 0; count < 12; count++) signal.publish('x', megabyte)
  expect(await warned).toMatchObject({ code: 'LOVAGE_SIGNALS_DROPPED' })
  const heard = next(quick!.events, 'end')
  signal.publish('end', 'done')
  expect(await heard).toBe('done')

  slow!.child.kill('SIGCONT')
  await eventually(() => {
    signal.publish('x', 'last')
    expect(kept).toContain('last')
  })
  const count = kept.filter((text) => text === megabyte).length
  expect(count).toBeGreaterThan(6)
  expect(count).toBeLessThan(12)
})

test('what a dead process left behind is cleared away but for a proof of its death', async () => {
  const path = await emptyFile()
  const dead = await backendProcess(onTestFinished, path)
  const holder = (await dead.order('hold', 'w')) as string
  await dead.kill()
  expect(await socketsOf(path)).toHaveLength(1)
  const { liveness } = peersOn(path)
  expect(await liveness.lost([holder])).toEqual([holder])
  expect(await socketsOf(path)).toHaveLength(1)
  await liveness.close()
  const folder = `${await realpath(path)}-peers`
  expect(await readdir(folder)).toEqual([`${holder.split('.')[0]}.gone`])
  // The proof is as good for somebody who knows nothing of process ids here.
  expect(await peersOn(path).liveness.lost([holder.split('.').slice(0, 2).join('.')])).toHaveLength(1)
})

test('where the path is too long for a socket the processes still meet', async () => {
  const path = await emptyFile(`${'long-name-'.repeat(9)}.db`)
  const watcher = peersOn(path)
  const lost: string[] = []
  await watcher.liveness.watch((holder) => void lost.push(holder))
  const process = await backendProcess(onTestFinished, path)
  const holder = await process.order('hold', 'w')
  await process.order('subscribe', 'x')
  watcher.signal.publish('x', 'far')
  expect(await next(process.events, 'x')).toBe('far')
  await process.kill()
  await eventually(() => expect(lost).toEqual([holder]))
})

test('noise on the socket ends that connection and nothing else', async () => {
  const path = await emptyFile()
  const [a, b] = [peersOn(path), peersOn(path)]
  const lost: string[] = []
  await a.liveness.watch((holder) => void lost.push(holder))
  await b.liveness.hold('w')
  const heard = new EventEmitter()
  await a.signal.subscribe('x', (text) => heard.emit('x', text))
  const sockets = await socketsOf(path)
  const folder = `${await realpath(path)}-peers`
  const noise = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(`${text}\n`)),
    fc.constant(Buffer.from('["hello",1,"0123456789abcdef",[],[]]\n["hello",1,"0123456789abcdef",[],[]]\n')),
  )
  await fc.assert(
    fc.asyncProperty(noise, fc.constantFrom(...sockets), async (bytes, name) => {
      const socket = connect(join(folder, name))
      socket.on('error', () => {})
      socket.end(Buffer.concat([bytes, Buffer.from('\nnoise\n')]))
      socket.resume()
      await once(socket, 'close')
    }),
    { numRuns: 60 },
  )
  const got = next(heard, 'x')
  b.signal.publish('x', 'still here')
  expect(await got).toBe('still here')
  expect(lost).toEqual([])
})

test('peers that lose their connection find each other again', async () => {
  const path = await emptyFile()
  const a = peersOn(path)
  const lost: string[] = []
  await a.liveness.watch((holder) => void lost.push(holder))
  const folder = `${await realpath(path)}-peers`
  // A peer of an own making, whose connections this test can cut.
  const connections = new EventEmitter()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.write(`["hello",1,"00000000000000aa",["x"],["00000000000000aa.1"]]\n`)
    connections.emit('connection', socket)
  })
  onTestFinished(() => void server.close())
  // Renamed, so that the socket stays and refuses when nobody listens any more.
  await new Promise<void>((listening) => server.listen(join(folder, 'early'), listening))
  await rename(join(folder, 'early'), join(folder, '00000000000000aa.sock'))
  const first = once(connections, 'connection')
  expect(await a.liveness.lost(['00000000000000aa.1', '00000000000000aa.2'])).toEqual([])
  const second = once(connections, 'connection')
  ;(await first)[0].destroy()
  const again = (await second)[0]
  const text = new Promise((resolve) =>
    again.on('data', (data: Buffer) => String(data).includes('"msg"') && resolve(String(data))),
  )
  await eventually(() => expect(a.signal.heard('x')).toBe(true))
  a.signal.publish('x', 'back')
  expect(await text).toContain('["msg","x","back"]')
  expect(lost).toEqual([])
  server.close()
  again.destroy()
  await eventually(() => expect(lost).toEqual(['00000000000000aa.1']))
})

test('a folder that cannot be used is said when someone wants to listen', async () => {
  const path = await emptyFile()
  await writeFile(`${await realpath(path)}-peers`, 'not a folder')
  const { signal, liveness } = peersOn(path)
  signal.publish('x', 'nobody')
  await expect(signal.subscribe('x', () => {})).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await expect(liveness.hold('w')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

test('strangers in the folder are passed over', async () => {
  const path = await emptyFile()
  const folder = `${path}-peers`
  await mkdir(folder)
  for (const name of ['README', 'x.sock', '00000000000000aa.sock', '00000000000000ab.at']) await writeFile(join(folder, name), '')
  await writeFile(join(folder, '00000000000000ac.at'), '80')
  const { signal } = peersOn(path)
  await signal.subscribe('x', () => {})
  expect((await readdir(folder)).sort()).toContain('README')
})

test('an idle process with store, signal and liveness ends by itself', async () => {
  const path = await emptyFile()
  const other = await backendProcess(onTestFinished, path)
  await other.order('subscribe', 'x')
  const index = new URL('./index.ts', import.meta.url).href
  const program = `import { sqliteBackend } from '${index}'
    const { store, signal, liveness } = await sqliteBackend(${JSON.stringify(path)})
    await signal.subscribe('y', () => {})
    await liveness.watch(() => {})
    await store.counts()
    signal.publish('x', 'last words')`
  const heard = next(other.events, 'x')
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'inherit', 'inherit'] })
  expect((await once(child, 'exit', { signal: AbortSignal.timeout(10_000) }))[0]).toBe(0)
  expect(await heard).toBe('last words')
})
