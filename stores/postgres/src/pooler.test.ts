/** Behind a pooler: one that lends for a session is as good as none, one that lends for a transaction is told apart. */
import { expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { miniPooler } from './fixtures/mini-pooler.ts'
import { type PeerOptions, type Peers, peers } from './fixtures/peers.ts'
import { reports } from './fixtures/reports.ts'

const server = await cluster()
const url = await server.database()

function peer(at: string, options: PeerOptions = {}): Peers {
  const made = peers(at, options)
  onTestFinished(() => made.close())
  return made
}

test('a pooler that lends for a transaction is told, and what works without a session goes on', async () => {
  const troubles = reports()
  const onTrouble: PeerOptions['onTrouble'] = (error) => troubles.add(`${error.code}: ${error.rawMessage}`)
  const shared = peer(await miniPooler(onTestFinished, url, 'transaction'), { schema: 'a', onTrouble })
  const direct = peer(url, { schema: 'a' })
  const heard = reports()
  await shared.signal.subscribe('x', (text) => heard.add(`shared ${text}`))
  await direct.signal.subscribe('x', (text) => heard.add(`direct ${text}`))
  expect(shared.signal.heard('y')).toBe(true)
  shared.signal.publish('x', 'hello')
  await heard.until((all) => all.length === 2)
  expect([...heard.all].sort()).toEqual(['direct hello', 'shared hello'])

  const lost = reports()
  await direct.liveness.watch(lost.add)
  const hold = await shared.liveness.hold('w')
  expect(hold.id).toMatch(/\.unproven$/)
  expect(await direct.liveness.lost([hold.id])).toEqual([])
  await shared.liveness.watch(() => {})
  await hold.release()
  await shared.close()
  expect(lost.all).toEqual([])
  expect(troubles.all).toEqual([expect.stringMatching(/^UNSUPPORTED: expected a connection of its own, got one that a pooler/)])
})

test('a pooler that lends for a session is as good as none', async () => {
  const troubles = reports()
  const shared = peer(await miniPooler(onTestFinished, url, 'session'), {
    schema: 'b',
    onTrouble: (error) => troubles.add(error.code),
  })
  const direct = peer(url, { schema: 'b' })
  const heard = reports()
  await shared.signal.subscribe('x', heard.add)
  direct.signal.publish('x', 'hello')
  await heard.until((all) => all.length === 1)
  const hold = await shared.liveness.hold('w')
  expect(hold.id).toMatch(/^[0-9a-f]{8}\.1$/)
  expect(await direct.liveness.lost([hold.id])).toEqual([])
  expect(troubles.all).toEqual([])
})
