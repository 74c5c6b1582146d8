/** Processes on one database: messages cross whole and in their order, exactly once, and only where somebody listens. */
import { EventEmitter } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { type PeerOptions, type Peers, peers } from './fixtures/peers.ts'
import { next, reports } from './fixtures/reports.ts'
import { sessionProcess } from './fixtures/session-process.ts'

const server = await cluster()
const url = await server.database()

/** What is true of the database, however long the server takes to show it. */
const eventually = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 })

/** Tests run one after the other, but what one leaves behind may still be closing: each has a schema of its own. */
let schemas = 0

function onSchema(): { peer(options?: PeerOptions): Peers; process(): ReturnType<typeof sessionProcess> } {
  const schema = `s${++schemas}`
  return {
    peer(options) {
      const made = peers(url, { schema, ...options })
      onTestFinished(() => made.close())
      return made
    },
    process: () => sessionProcess(onTestFinished, url, { schema }),
  }
}

test('a message reaches every subscriber of its channel once, in this process and in others', async () => {
  const { peer, process } = onSchema()
  const [a, b] = [peer(), peer()]
  const heard = reports()
  await a.signal.subscribe('x', (text) => heard.add(`a ${text}`))
  const ended = await b.signal.subscribe('x', (text) => heard.add(`b ${text}`))
  await b.signal.subscribe('y', (text) => heard.add(`b y ${text}`))
  const child = await process()
  await child.order('subscribe', 'x')
  a.signal.publish('x', '1')
  expect(await next(child.events, 'x')).toBe('1')
  await child.order('publish', 'y', 'é\n"\0\ud83c\udf3f')
  await heard.until((all) => all.length >= 3)
  expect([...heard.all].sort()).toEqual(['a 1', 'b 1', 'b y é\n"\0\ud83c\udf3f'])
  ended()
  await child.order('echo', 'ping', 'pong')
  const pong = new EventEmitter()
  await a.signal.subscribe('pong', (text) => pong.emit('pong', text))
  a.signal.publish('x', '2')
  a.signal.publish('ping', 'done')
  expect(await next(pong, 'pong')).toBe('done')
  expect(heard.all.slice(3)).toEqual(['a 2'])
})

test('queues of two schemas in one database do not hear each other', async () => {
  const [here, there] = [onSchema(), onSchema()]
  const [a, b, c] = [here.peer(), there.peer(), here.peer()]
  const heard = reports()
  await b.signal.subscribe('x', () => heard.add('b'))
  await c.signal.subscribe('x', () => heard.add('c'))
  a.signal.publish('x', '')
  await heard.until((all) => all.includes('c'))
  b.signal.publish('x', '')
  await heard.until((all) => all.includes('b'))
  expect(heard.all).toEqual(['c', 'b'])
})

test('messages of one publisher arrive whole and in their order, however many and large', async () => {
  const { peer } = onSchema()
  const [a, b] = [peer(), peer()]
  const heard = reports()
  await b.signal.subscribe('x', heard.add)
  const sent = Array.from({ length: 300 }, (_, index) => `${index} ${'ü'.repeat(index * 40)}`)
  sent.push('x'.repeat(100_000), `\0${'🌿'.repeat(30_000)}`, 'end')
  for (const text of sent) a.signal.publish('x', text)
  await heard.until((all) => all.length >= sent.length)
  expect(heard.all).toEqual(sent)
})

test('a flood of another process arrives in its order', async () => {
  const { peer, process } = onSchema()
  const { signal } = peer()
  const heard = reports()
  await signal.subscribe('x', heard.add)
  const child = await process()
  await child.order('flood', 'x', 20_000)
  await heard.until((all) => all.length >= 20_000)
  expect(heard.all.map((text) => Number(text.split(' ')[0]))).toEqual(Array.from({ length: 20_000 }, (_, index) => index))
})

test('a flood of the same words is said a few times, and at least once after the last', async () => {
  const { peer } = onSchema()
  const [a, b] = [peer(), peer()]
  const heard = reports()
  await b.signal.subscribe('x', heard.add)
  for (let round = 0; round < 200; round++) {
    for (let index = 0; index < 100; index++) a.signal.publish('x', 'same')
    await new Promise((resolve) => setImmediate(resolve))
  }
  a.signal.publish('x', 'last')
  await heard.until((all) => all.includes('last'))
  // Once in each statement; the last may have gone with others or alone.
  const { statements, payloads } = a.spent
  expect(statements).toBeLessThanOrEqual(200)
  expect([statements, statements + 1]).toContain(payloads)
  expect(heard.all).toHaveLength(payloads)
  expect(heard.all.at(-1)).toBe('last')
})

test('a hundred listeners of a channel all hear it', async () => {
  const { peer } = onSchema()
  const all = Array.from({ length: 20 }, () => peer())
  const heard = reports<number>()
  await Promise.all(Array.from({ length: 100 }, (_, index) => all[index % 20]!.signal.subscribe('x', () => heard.add(index))))
  peer().signal.publish('x', 'hello')
  await heard.until((indexes) => indexes.length >= 100)
  expect([...heard.all].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index))
})

test('whether anyone may be listening is known to who has a session', async () => {
  const { peer, process } = onSchema()
  const [a, b] = [peer(), peer()]
  expect(a.signal.heard('x')).toBe(true)
  const ended = await b.signal.subscribe('x', () => {})
  await a.signal.subscribe('other', () => {})
  expect([a.signal.heard('x'), a.signal.heard('y'), a.signal.heard('other')]).toEqual([true, false, true])
  const child = await process()
  await child.order('subscribe', 'y')
  expect(a.signal.heard('y')).toBe(true)
  ended()
  await eventually(() => expect(a.signal.heard('x')).toBe(false))
  await child.kill()
  await eventually(() => {
    // That a listener died is found out by talking to nobody.
    a.signal.publish('y', '')
    expect(a.signal.heard('y')).toBe(false)
  })
})

test('a subscription waits until a busy process has taken it in', async () => {
  const { peer, process } = onSchema()
  const { signal } = peer()
  const child = await process()
  await child.order('subscribe', 'other')
  const heard = reports()
  let isFree = false
  const free = child.order('block', 100).then(() => {
    isFree = true
  })
  await signal.subscribe('x', heard.add)
  expect(isFree).toBe(true)
  await free
  await child.order('publishIfHeard', 'x', 'in time')
  await heard.until((all) => all.includes('in time'))
})

test('where no other process listens nothing is said', async () => {
  const { peer } = onSchema()
  const { signal, spent, query } = peer()
  const heard = reports()
  await signal.subscribe('x', heard.add)
  signal.publish('x', 'mine')
  signal.publish('y', 'nobody')
  await heard.until((all) => all.length === 1)
  const [row] = await query('select 1 as one')
  expect(row).toEqual({ one: 1 })
  expect(spent.statements).toBe(1)
})

test('who only publishes opens no session, and is heard', async () => {
  const { peer } = onSchema()
  const [a, b] = [peer(), peer()]
  const heard = reports()
  await b.signal.subscribe('x', heard.add)
  a.signal.publish('x', 'hello')
  await heard.until((all) => all.length === 1)
  expect([a.session.isUp, b.session.isUp]).toEqual([false, true])
})

test('what was published before the end is said, and nothing after it', async () => {
  const { peer } = onSchema()
  const [a, b, c] = [peer(), peer(), peer()]
  const heard = reports()
  await b.signal.subscribe('x', heard.add)
  a.signal.publish('x', 'last words')
  await a.signal.close()
  a.signal.publish('x', 'from beyond')
  await expect(a.signal.subscribe('x', () => {})).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await a.query('select')
  c.signal.publish('x', 'after')
  await heard.until((all) => all.includes('after'))
  expect(heard.all).toEqual(['last words', 'after'])
})
