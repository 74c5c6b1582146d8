/** A peer that does not speak, as a frozen process does not: it costs the others one wait and no memory. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { next } from './fixtures/deadline.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { silentPeer } from './fixtures/silent-peer.ts'
import { patienceMs } from './peer-link.ts'
import { sqlitePeers } from './sqlite-backend.ts'
import { sqliteStore } from './sqlite-store.ts'

async function besideSilence() {
  const path = await scratchFile(onTestFinished)
  await (await sqliteStore(path)).close()
  const peer = await silentPeer(onTestFinished, path)
  const { signal, liveness } = sqlitePeers(path)
  onTestFinished(() => signal.close())
  return { peer, signal, liveness }
}

test('it is waited for once, not with every subscription and holder', async () => {
  const { peer, signal, liveness } = await besideSilence()
  const start = performance.now()
  for (const channel of ['a', 'b', 'c', 'd']) await signal.subscribe(channel, () => {})
  const { id } = await liveness.hold('w')
  expect(await liveness.lost([`${peer.id}.1`])).toEqual([])
  expect(performance.now() - start).toBeLessThan(2 * patienceMs)

  // Once it speaks it learns all that it was not told.
  const told: unknown[] = []
  peer.events.on('message', (message) => told.push(message))
  peer.say(['hello', 1, peer.id, ['x'], []])
  await vi.waitFor(() => expect(told).toContainEqual(['facts', expect.any(Number), ['a', 'b', 'c', 'd'], [id]]))
  expect([signal.heard('x'), signal.heard('y')]).toEqual([true, false])
})

test('messages to it are kept for as long as anyone waits for it, up to a bound', async () => {
  const { peer, signal } = await besideSilence()
  const megabyte = 'x'.repeat(1024 * 1024)
  const kept: string[] = []
  peer.events.on('message', ([kind, , text]: readonly string[]) => kind === 'msg' && kept.push(text ?? ''))
  const started = signal.subscribe('a', () => {})
  const greeted = next(peer.events, 'message')
  for (let count = 0; count < 12; count++) signal.publish('x', megabyte)
  await greeted
  for (let count = 0; count < 12; count++) signal.publish('x', megabyte)
  expect(signal.heard('x')).toBe(true)
  await started
  expect(signal.heard('x')).toBe(false)
  signal.publish('x', 'late')
  peer.say(['hello', 1, peer.id, ['x'], []])
  await vi.waitFor(() => expect(signal.heard('x')).toBe(true))
  signal.publish('x', 'last')
  await vi.waitFor(() => expect(kept).toContain('last'), { timeout: 10_000 })
  expect(kept).not.toContain('late')
  expect(kept.length).toBeGreaterThan(5)
  expect(kept.length).toBeLessThan(10)
})
