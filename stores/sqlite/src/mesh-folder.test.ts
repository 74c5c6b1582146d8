/** The folder of the peers: deleting it kills nobody, and coming and going at once refuses nobody. */
import { mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { backendProcess } from './fixtures/backend-process.ts'
import { next } from './fixtures/deadline.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqlitePeers } from './sqlite-backend.ts'
import { sqliteStore } from './sqlite-store.ts'

const rename = vi.hoisted(() => vi.fn<typeof import('node:fs/promises').rename>())
vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  rename.mockImplementation(actual.rename)
  return { ...actual, rename }
})

async function emptyFile(): Promise<{ readonly path: string; readonly folder: string }> {
  const path = await scratchFile(onTestFinished)
  await (await sqliteStore(path)).close()
  return { path, folder: `${await realpath(path)}-peers` }
}

function peersOn(path: string) {
  const peers = sqlitePeers(path)
  onTestFinished(() => peers.signal.close())
  return peers
}

test('whose socket was deleted is lost only when its process has ended', async () => {
  const { path, folder } = await emptyFile()
  const worker = await backendProcess(onTestFinished, path)
  const holder = (await worker.order('hold', 'w')) as string
  // Frozen, it cannot enter again.
  worker.child.kill('SIGSTOP')
  await rm(folder, { recursive: true })
  const newcomer = peersOn(path)
  expect(await newcomer.liveness.lost([holder])).toEqual([])
  await worker.kill()
  expect(await newcomer.liveness.lost([holder])).toEqual([holder])
  const elsewhere = holder.replace(/[0-9a-f]{8}(-\w+-\w*)$/, '00000000$1')
  expect(elsewhere).not.toBe(holder)
  expect(await newcomer.liveness.lost([elsewhere, holder.split('.').slice(0, 2).join('.')])).toEqual([])
})

test('a process whose entry was deleted enters again, and finds those who came meanwhile', async () => {
  const { path, folder } = await emptyFile()
  const worker = await backendProcess(onTestFinished, path)
  await worker.order('subscribe', 'x')
  await rm(folder, { recursive: true })
  const newcomer = peersOn(path)
  await newcomer.signal.subscribe('y', () => {})
  await vi.waitFor(() => expect(newcomer.signal.heard('x')).toBe(true), { timeout: 10_000 })
  const heard = next(worker.events, 'x')
  newcomer.signal.publish('x', 'found')
  expect(await heard).toBe('found')

  // Without a watch it would be the next use that notices.
  const [first] = (await readdir(folder)).filter((name) => name.endsWith('.sock'))
  await rm(join(folder, first as string))
  await worker.order('subscribe', 'z')
  await newcomer.signal.subscribe('z', () => {})
  expect((await readdir(folder)).filter((name) => name.endsWith('.sock'))).toHaveLength(2)
})

test('what holds on when its peers close is proven gone by a socket that refuses', async () => {
  const { path } = await emptyFile()
  const [a, b] = [peersOn(path), peersOn(path)]
  const { id } = await a.liveness.hold('w')
  await a.liveness.close()
  expect(await b.liveness.lost([id])).toEqual([id])
})

test('somebody may enter at any moment of the last one leaving', async () => {
  const { path, folder } = await emptyFile()
  for (let round = 0; round < 150; round++) {
    const [leaver, comer] = [sqlitePeers(path), sqlitePeers(path)]
    await leaver.signal.subscribe('x', () => {})
    const leaving = leaver.signal.close()
    for (let turn = 0; turn < round % 15; turn++) await new Promise((done) => setImmediate(done))
    await comer.signal.subscribe('x', () => {})
    await leaving
    await comer.signal.close()
  }
  expect(await readdir(folder)).toEqual([])
})

test('a proof of death is cleared away when it is old, and nothing else is', async () => {
  const { path, folder } = await emptyFile()
  await mkdir(folder)
  for (const id of ['00000000000000aa', '00000000000000ab']) await writeFile(join(folder, `${id}.gone`), '')
  await writeFile(join(folder, 'note.gone'), '')
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 })
  onTestFinished(() => void vi.useRealTimers())
  await peersOn(path).signal.subscribe('x', () => {})
  await vi.waitFor(async () => expect((await readdir(folder)).filter((name) => name.endsWith('.gone'))).toEqual(['note.gone']))
})

test('a name for a moment that a crash left behind is cleared away when it is old', async () => {
  const { path, folder } = await emptyFile()
  await mkdir(folder)
  const left = ['00000000000000aa.new', '00000000000000ab.at.new', 'note.new']
  for (const name of left) await writeFile(join(folder, name), '')
  await peersOn(path).signal.subscribe('x', () => {})
  expect(await readdir(folder)).toEqual(expect.arrayContaining(left))
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 3_600_000 })
  onTestFinished(() => void vi.useRealTimers())
  await peersOn(path).signal.subscribe('x', () => {})
  await vi.waitFor(async () => expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual(['note.new']))
})

test('who cannot enter after all does not go on listening', async () => {
  const { path, folder } = await emptyFile()
  rename.mockRejectedValueOnce(new TypeError('no'))
  const { signal } = peersOn(path)
  await expect(signal.subscribe('x', () => {})).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  // The name that a server listens under goes with it.
  await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]))
  await signal.subscribe('x', () => {})
  expect(await readdir(folder)).toHaveLength(1)
})
