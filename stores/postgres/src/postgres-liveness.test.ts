/** Processes on one database: deaths are told to all at once, farewells to none, freezes when they last. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { lockClass, unsigned } from './channel-name.ts'
import { cluster } from './fixtures/cluster.ts'
import { type PeerOptions, type Peers, peers } from './fixtures/peers.ts'
import { relayTo } from './fixtures/relay.ts'
import { next, reports } from './fixtures/reports.ts'
import { sessionProcess } from './fixtures/session-process.ts'

const server = await cluster()
const url = await server.database()

/** What is true of the database, however long the server takes to show it. */
const eventually = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 })

let schemas = 0

function onSchema() {
  const schema = `s${++schemas}`
  return {
    schema,
    peer(options?: PeerOptions): Peers {
      const made = peers(url, { schema, ...options })
      onTestFinished(() => made.close())
      return made
    },
    process: (options?: PeerOptions) => sessionProcess(onTestFinished, url, { schema, ...options }),
  }
}

/** Watches and collects. */
async function lostAt(peer: Peers) {
  const lost = reports()
  await peer.liveness.watch(lost.add)
  return lost
}

test('a killed process is told to all others, a released holder to none', async () => {
  const { peer, process } = onSchema()
  const watcher = peer()
  const lost = await lostAt(watcher)
  const [first, second] = await Promise.all([process(), process()])
  const [one, two] = [await first.order('hold', 'w1'), await first.order('hold', 'w2')] as [string, string]
  const own = await watcher.liveness.hold('w3')
  await second.order('watch')
  expect(await watcher.liveness.lost([one, two, own.id])).toEqual([])
  const heard = next(second.events, 'lost')
  await first.kill()
  expect([one, two]).toContain(await heard)
  await lost.until((all) => all.length >= 2)
  expect([...lost.all].sort()).toEqual([one, two].sort())
  expect(await watcher.liveness.lost([one, own.id, two, 'unknown', ''])).toEqual([one, two])
  expect(await second.order('lost', [one, own.id])).toEqual([one])

  const third = (await second.order('hold', 'w4')) as string
  await second.order('close')
  await lost.until((all) => all.includes(third))
  await own.release()
  expect(await watcher.liveness.lost([own.id])).toEqual([own.id])
  expect(lost.all).toHaveLength(3)
})

test('a clean end alarms nobody', async () => {
  const { peer } = onSchema()
  const [a, b, c] = [peer(), peer(), peer()]
  const lost = await lostAt(a)
  const [released, kept] = [await b.liveness.hold('w1'), await b.liveness.hold('w2')]
  const last = await c.liveness.hold('w3')
  await released.release()
  await last.release()
  await c.close()
  await b.close()
  // The one that was kept is told; had another been told, it would have been before.
  await lost.until((all) => all.includes(kept.id))
  expect(lost.all).toEqual([kept.id])
})

test('deaths are told one after the other, whoever watched whom', async () => {
  const { peer, process } = onSchema()
  const lost = await lostAt(peer())
  const children = await Promise.all(Array.from({ length: 5 }, () => process()))
  const ids = (await Promise.all(children.map((child) => child.order('hold', 'w')))) as string[]
  await Promise.all(children.map((child) => child.kill()))
  await lost.until((all) => all.length >= 5)
  expect([...lost.all].sort()).toEqual(ids.sort())
})

test('who holds is found dead also by one who comes later', async () => {
  const { peer, process } = onSchema()
  const child = await process()
  const id = (await child.order('hold', 'w')) as string
  await child.kill()
  await eventually(async () => expect(await peer().liveness.lost([id])).toEqual([id]))
})

test('a process that is frozen for a moment is not lost, and watches while it is frozen', async () => {
  const { peer, process } = onSchema()
  const watcher = peer()
  const lost = await lostAt(watcher)
  const children = await Promise.all([process(), process(), process()])
  const ids = (await Promise.all(children.map((child) => child.order('hold', 'w')))) as string[]
  const own = await watcher.liveness.hold('w')
  await watching(watcher, 4)
  const ring = [{ id: own.id, child: undefined }, ...children.map((child, index) => ({ child, id: ids[index]! }))]
  ring.sort((a, b) => (a.id < b.id ? -1 : 1))
  const place = [0, 1, 2].find((index) => ring[index]!.child !== undefined && ring[index + 1]!.child !== undefined)!
  const [frozen, watched] = [ring[place], ring[place + 1]] as { id: string; child: (typeof children)[0] }[] as [
    { id: string; child: (typeof children)[0] },
    { id: string; child: (typeof children)[0] },
  ]
  frozen.child.child.kill('SIGSTOP')
  expect(await watcher.liveness.lost([frozen.id])).toEqual([])
  await watched.child.kill()
  await lost.until((all) => all.includes(watched.id))
  expect(lost.all).toEqual([watched.id])
  await frozen.child.kill()
  await lost.until((all) => all.includes(frozen.id))
})

test('a process that stays frozen is lost after three heartbeats, and one that goes on is not', async () => {
  const { peer, process } = onSchema()
  const watcher = peer()
  const lost = await lostAt(watcher)
  const [frozen, idle, released] = await Promise.all([1000, 1000, 1000].map((heartbeatMs) => process({ heartbeatMs })))
  const ids = (await Promise.all([frozen, idle, released].map((child) => child?.order('hold', 'w')))) as string[]
  await released?.order('release', ids[2])
  frozen?.child.kill('SIGSTOP')
  released?.child.kill('SIGSTOP')
  await lost.until((all) => all.includes(ids[0] as string))
  expect(lost.all).toEqual([ids[0]])
  expect(await watcher.liveness.lost(ids)).toEqual([ids[0], ids[2]])

  // Who wakes up learns that its session is gone, and holds again.
  const back = next(frozen?.events as never, 'back')
  frozen?.child.kill('SIGCONT')
  await back
  await eventually(async () => expect(await watcher.liveness.lost([ids[0] as string])).toEqual([]))
})

test('a host that vanishes without a word is lost after three heartbeats', async () => {
  const { schema, peer } = onSchema()
  const watcher = peer()
  const lost = await lostAt(watcher)
  const relay = await relayTo(url)
  onTestFinished(() => relay.close())
  const away = peers(relay.url, { schema, heartbeatMs: 1000 })
  const { id } = await away.liveness.hold('w')
  await watching(watcher, 2)
  relay.vanish()
  await lost.until((all) => all.includes(id))
  expect(lost.all).toEqual([id])
})

test('a session that is ended by the server comes back with its holds, which others have called lost once', async () => {
  const { peer, schema } = onSchema()
  const back = reports<string>()
  const [a, b] = [peer(), peer({ onTrouble: (error) => back.add(error.code), onBack: () => back.add('back') })]
  const lost = await lostAt(a)
  const own = await lostAt(b)
  const hold = await b.liveness.hold('w')
  const heard = reports()
  await b.signal.subscribe('x', heard.add)
  await watching(a, 2)
  await a.query('select pg_terminate_backend($1)', [b.session.pid])
  await back.until((all) => all.includes('back'))
  expect(back.all).toEqual(['STORE_UNAVAILABLE', 'back'])
  expect(lost.all).toEqual([hold.id])
  expect(await a.liveness.lost([hold.id])).toEqual([])
  expect(own.all).toEqual([])
  a.signal.publish('x', 'again')
  await heard.until((all) => all.length === 1)
  // And it is watched again.
  await watching(a, 2)
  const [row] = await a.query(
    `select count(*)::int as locks from pg_locks where locktype = 'advisory' and classid = $1 and objsubid = 2 and granted
     and mode = 'ExclusiveLock'`,
    [unsigned(lockClass(schema, 'member'))],
  )
  expect(row).toEqual({ locks: 2 })
  await b.session.close()
  await lost.until((all) => all.length === 2)
})

test('a connection on which one watches comes back too', async () => {
  const { peer, process } = onSchema()
  const a = peer()
  const lost = await lostAt(a)
  const child = await process()
  const id = await child.order('hold', 'w')
  await watching(a, 2)
  const ended = await a.query(
    `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted and mode = 'ShareLock'`,
  )
  expect(ended.length).toBeGreaterThan(0)
  await child.kill()
  await lost.until((all) => all.length === 1)
  expect(lost.all).toEqual([id])
})

test('waiting for a death keeps VACUUM from nothing for long', async () => {
  const { peer } = onSchema()
  const [a, b] = [peer(), peer()]
  await Promise.all([a.liveness.hold('w'), b.liveness.hold('w')])
  await watching(a, 2)
  const [burnt] = await a.query('select pg_current_xact_id()::text::int as xid')
  await eventually(async () => {
    const [row] = await a.query(
      `select count(*)::int as waiting, min(backend_xmin::text::int) as oldest from pg_stat_activity
       where wait_event = 'advisory' and datname = current_database()`,
    )
    expect(row?.waiting).toBe(2)
    expect(row?.oldest).toBeGreaterThan(burnt?.xid as number)
  })
})

test('a process that only waits for deaths may end when it has nothing else to do', async () => {
  const { peer, process } = onSchema()
  await peer().liveness.hold('w')
  const child = await process()
  await child.order('watch')
  await child.order('subscribe', 'x')
  const exit = new Promise((resolve) => child.child.once('exit', resolve))
  child.child.disconnect()
  expect(await exit).toBe(0)
})

test('a closed liveness refuses, and may be closed twice', async () => {
  const { peer } = onSchema()
  const { liveness } = peer()
  await liveness.close()
  await liveness.close()
  await expect(liveness.hold('w')).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await expect(liveness.watch(() => {})).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})

/** Resolves when so many members of this schema wait for one another. */
async function watching({ query, session }: Peers, count: number): Promise<void> {
  await eventually(async () => {
    const [row] = await query(
      `select count(distinct objid)::int as watched from pg_locks
       where locktype = 'advisory' and not granted and classid = $1`,
      [unsigned(lockClass(session.schema, 'member'))],
    )
    expect(row).toEqual({ watched: count })
  })
}
