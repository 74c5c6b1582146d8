/** The session comes and goes with the server, and says so once. */
import { expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { type PeerOptions, type Peers, peers } from './fixtures/peers.ts'
import { reports } from './fixtures/reports.ts'

function peer(url: string, options: PeerOptions = {}): Peers {
  const made = peers(url, { heartbeatMs: 500, ...options })
  onTestFinished(() => made.close())
  return made
}

test('after a crash of the server all come back, and only who does not is lost', async () => {
  const server = await cluster()
  const url = await server.database()
  const states = reports()
  const a = peer(url, { onTrouble: (error) => states.add(error.code), onBack: () => states.add('back') })
  const [b, c] = [peer(url), peer(url)]
  const lost = reports()
  await a.liveness.watch(lost.add)
  const [kept, gone] = [await b.liveness.hold('b'), await c.liveness.hold('c')]
  const heard = reports()
  await a.signal.subscribe('x', heard.add)
  await server.crash()
  await states.until((all) => all.length === 1)
  a.signal.publish('x', 'to oneself')
  b.signal.publish('x', 'to nobody')
  await heard.until((all) => all.length === 1)
  const goes = c.close()
  await server.restart()
  await goes
  await states.until((all) => all.includes('back'))
  // One who comes now cannot know either who is still on the way back.
  expect(await peer(url, { heartbeatMs: 60_000 }).liveness.lost([kept.id, gone.id])).toEqual([])
  await lost.until((all) => all.length > 0)
  expect(lost.all).toEqual([gone.id])
  expect(await a.liveness.lost([kept.id, gone.id])).toEqual([gone.id])
  b.signal.publish('x', 'again')
  await heard.until((all) => all.length === 2)
  expect(heard.all).toEqual(['to oneself', 'again'])
  expect(states.all).toEqual(['STORE_UNAVAILABLE', 'back'])
})

test('without a server it says so, and can be asked again', async () => {
  const server = await cluster()
  const url = await server.database()
  await server.crash()
  const { signal, liveness } = peer(url)
  const heard = reports()
  await expect(signal.subscribe('x', heard.add)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await expect(liveness.hold('w')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  signal.publish('x', 'to nobody')
  await server.restart()
  await signal.subscribe('x', heard.add)
  expect((await liveness.hold('w')).id).toMatch(/^[0-9a-f]{8}\.1$/)
  signal.publish('x', 'hello')
  await heard.until((all) => all.length > 0)
  expect(heard.all).toEqual(['hello'])
})

test('a closed session is not joined', async () => {
  const server = await cluster()
  const { session, signal } = peer(await server.database())
  await signal.subscribe('x', () => {})
  await session.close()
  await session.close()
  await expect(session.join()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await expect(signal.subscribe('y', () => {})).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})
