/** The session comes and goes with the server, and says so once. */

import { startPostgres } from '@lovage/services'
import { expect, onTestFinished, test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { type PeerOptions, type Peers, peers } from './fixtures/peers.ts'
import { reports } from './fixtures/reports.ts'

const url = await (await cluster()).database()

/** A server that a test may crash. */
async function mortal() {
  const server = await startPostgres()
  onTestFinished(() => server.stop())
  return { server, url: await server.database() }
}

function peer(url: string, options: PeerOptions = {}): Peers {
  const made = peers(url, { heartbeatMs: 500, ...options })
  onTestFinished(() => made.close())
  return made
}

test('after a crash of the server all come back, and only who does not is lost', async () => {
  const { server, url } = await mortal()
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
  const { server, url } = await mortal()
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
  const { session, signal } = peer(url)
  await signal.subscribe('x', () => {})
  await session.close()
  await session.close()
  await expect(session.join()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await expect(signal.subscribe('y', () => {})).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})

test('a server that does not answer is left, and found again', async () => {
  const states = reports()
  const { session, signal } = peer(url, {
    heartbeatMs: 100,
    onTrouble: (error) => states.add(error.rawMessage),
    onBack: () => states.add('back'),
  })
  const heard = reports()
  await signal.subscribe('x', heard.add)
  const { pid } = session
  process.kill(pid, 'SIGSTOP')
  onTestFinished(() => void process.kill(pid, 'SIGCONT'))
  await expect(session.run('select 1 as one')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await states.until((all) => all.includes('back'))
  expect(states.all).toEqual([
    'wake-ups and the notice of crashes are lost for now: PostgreSQL did not answer for 300 ms',
    'back',
  ])
  expect(session.pid).not.toBe(pid)
  peer(url).signal.publish('x', 'hello')
  await heard.until((all) => all.length === 1)
})

test('the server misses a host that vanished within three heartbeats', async () => {
  const { session } = peer(url, { heartbeatMs: 2000 })
  await session.join()
  const rows = await session.run(
    `select name, setting from pg_settings where name like 'tcp_%' or name in ('application_name', 'statement_timeout')`,
  )
  expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
    application_name: 'lovage',
    statement_timeout: '0',
    tcp_keepalives_idle: '2',
    tcp_keepalives_interval: '2',
    tcp_keepalives_count: '2',
    tcp_user_timeout: '6000',
  })
})

test('what the server says against a statement ends nothing', async () => {
  const { session } = peer(url)
  await session.join()
  await expect(session.run('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
  expect(await session.run('select 1 as one')).toEqual([{ one: 1 }])
  expect(session.isUp).toBe(true)
})
