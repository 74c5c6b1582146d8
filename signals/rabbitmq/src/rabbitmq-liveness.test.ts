/** The dead-man's switch on a real broker: processes that are killed, frozen and cut off, and brokers that are. */
import { once } from 'node:events'
import { startRabbitmq } from '@lovage/services'
import { type Channel, connect } from 'amqplib'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { startChild } from './fixtures/child.ts'
import type { RabbitmqOptions } from './rabbitmq-options.ts'
import { type RabbitmqSignal, rabbitmqSignal } from './rabbitmq-signal.ts'

/** The broker looks every half second whether somebody keeps a message for longer than three. */
const server = await startRabbitmq({ settings: { consumer_timeout: 3000, channel_tick_interval: 500 } })
afterAll(() => server.stop())
let prefixes = 0
const soon = { timeout: 20_000, interval: 10 }
const fresh = (): string => `t${++prefixes}`

async function open(prefix: string, options: RabbitmqOptions = {}): Promise<RabbitmqSignal> {
  const opened = await rabbitmqSignal(server.url, { prefix, heartbeat: '1s', rearm: '500ms', ...options })
  onTestFinished(() => opened.close())
  return opened
}

/** A raw channel of its own connection. */
async function rawChannel(): Promise<Channel> {
  const connection = await connect(server.url)
  connection.on('error', () => {})
  onTestFinished(() => connection.close().catch(() => {}))
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  return channel
}

/** Everything that switches tell, in the place of those who watch. */
async function told(prefix: string): Promise<string[]> {
  const channel = await rawChannel()
  const messages: string[] = []
  await channel.assertQueue(`${prefix}.crashed`, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await channel.consume(
    `${prefix}.crashed`,
    (message) => message !== null && messages.push(message.properties.messageId as string),
    { noAck: true },
  )
  return messages
}

async function watched(of: RabbitmqSignal): Promise<string[]> {
  const lost: string[] = []
  await of.liveness.watch((holder) => void lost.push(holder))
  return lost
}

test('a holder that is killed is told of once, with a message that says who it was', async () => {
  const prefix = fresh()
  const watcher = await open(prefix)
  const lost = await watched(watcher)
  const child = await startChild(`${server.url}?prefix=${prefix}`)
  const holder = await child.ask('hold', 'w1@rack', 'held')
  expect(await watcher.liveness.lost([holder])).toEqual([])
  child.process.kill('SIGKILL')
  await vi.waitFor(() => expect(lost).toEqual([holder]), soon)
  await vi.waitFor(async () => expect(await watcher.liveness.lost([holder, 'other'])).toEqual([holder]), soon)
})

test('what dead-letters is M1 of the protocol', async () => {
  const prefix = fresh()
  const channel = await rawChannel()
  const { liveness, close } = await open(prefix)
  const { id } = await liveness.hold('w1@rack', 'mine')
  expect(id).toBe('mine')
  const arrived = once(channel, 'delivery', { signal: AbortSignal.timeout(15_000) })
  const message = new Promise<{ body: unknown; death: unknown }>((resolve) => {
    void channel.consume(`${prefix}.crashed`, (got) => {
      const death = (got?.properties.headers as { 'x-death'?: unknown[] } | undefined)?.['x-death']?.[0]
      if (got !== null) resolve({ body: JSON.parse(got.content.toString()), death })
    })
  })
  await close()
  await arrived
  expect(await message).toMatchObject({
    body: { kind: 'worker-crashed', incarnation: 'mine', workerGroup: 'rack', workerId: 'w1', armedAt: expect.any(String) },
    death: { reason: 'expired', queue: `${prefix}.alive.mine` },
  })
})

test('who lets go on purpose is not told of, twenty times over', async () => {
  const prefix = fresh()
  const messages = await told(prefix)
  for (let n = 0; n < 20; n++) {
    const { liveness, close } = await open(prefix)
    const hold = await liveness.hold(`w${n}@host`, `clean-${n}`)
    await hold.release()
    await hold.release()
    await close()
  }
  // And one that does not, so that the silence means something.
  const { liveness, close } = await open(prefix)
  await liveness.hold('last@host', 'last')
  await close()
  await vi.waitFor(() => expect(messages).toHaveLength(1), soon)
  expect(messages[0]).toMatch(/^last\//)
  expect(await server.control('list_queues', 'name')).not.toContain(`${prefix}.alive.clean`)
})

test('the broker closes channels that keep a message for too long: a switch that is posted anew in time outlives that', {
  timeout: 60_000,
}, async () => {
  const prefix = fresh()
  const messages = await told(prefix)
  const { liveness } = await open(prefix)
  await liveness.hold('w@host', 'healthy')
  for (let n = 0; n < 2; n++) {
    const careless = await rawChannel()
    const { queue } = await careless.assertQueue('', { exclusive: true })
    await careless.consume(queue, () => {})
    careless.sendToQueue(queue, Buffer.from('kept'))
    const [error] = await once(careless, 'error', { signal: AbortSignal.timeout(30_000) }).catch((cause: Error) => [cause])
    expect(String(error)).toContain('delivery acknowledgement')
  }
  expect(messages).toEqual([])
})

test('one that was kept for too long is told of, and the switch is armed again for the next time', {
  timeout: 60_000,
}, async () => {
  const prefix = fresh()
  const messages = await told(prefix)
  const { liveness, close } = await open(prefix, { rearm: '1h' })
  await liveness.hold('w@host', 'lazy')
  await vi.waitFor(() => expect(messages).toHaveLength(1), soon)
  await vi.waitFor(async () => expect(await consumersOf(`${prefix}.alive.lazy`)).toBe(1), soon)
  await close()
  await vi.waitFor(() => expect(messages.length).toBeGreaterThan(1), soon)
})

async function consumersOf(queue: string): Promise<number> {
  const channel = await rawChannel()
  return (await channel.checkQueue(queue)).consumerCount
}

test('a frozen process is told of after two to three heartbeats', { timeout: 60_000 }, async () => {
  const prefix = fresh()
  const lost = await watched(await open(prefix))
  const child = await startChild(`${server.url}?prefix=${prefix}`)
  const holder = await child.ask('hold', 'w@host', 'held')
  child.process.kill('SIGSTOP')
  await vi.waitFor(() => expect(lost).toEqual([holder]), soon)
})

test('a death that could not be dealt with is told again, to whoever watches', async () => {
  const prefix = fresh()
  const a = await open(prefix)
  const seen: string[] = []
  await a.liveness.watch(async (holder) => {
    seen.push(holder)
    if (seen.length < 3) throw new TypeError('the store does not answer')
  })
  const { liveness, close } = await open(prefix)
  await liveness.hold('w@host', 'gone')
  await close()
  await vi.waitFor(() => expect(seen).toEqual(['gone', 'gone', 'gone']), soon)
  await vi.waitFor(async () => expect(await a.liveness.lost(['gone'])).toEqual(['gone']), soon)
})

test('a death while nobody watches is told when somebody does', async () => {
  const prefix = fresh()
  const { liveness, close } = await open(prefix)
  await liveness.hold('w@host', 'gone')
  await close()
  const lost = await watched(await open(prefix))
  await vi.waitFor(() => expect(lost).toEqual(['gone']), soon)
})

test('those who watch do so again after the queue of the dead was deleted', async () => {
  const prefix = fresh()
  const lost = await watched(await open(prefix))
  const channel = await rawChannel()
  await channel.deleteQueue(`${prefix}.crashed`)
  await vi.waitFor(async () => expect(await consumersOf(`${prefix}.crashed`)).toBe(1), soon)
  const { liveness, close } = await open(prefix)
  await liveness.hold('w@host', 'gone')
  await close()
  await vi.waitFor(() => expect(lost).toEqual(['gone']), soon)
})

test('with a grace, whoever comes back in time is not told of', { timeout: 60_000 }, async () => {
  const prefix = fresh()
  const lost = await watched(await open(prefix, { crashGrace: '3s' }))
  const cut = await open(prefix)
  await cut.liveness.hold('w@host', 'cut')
  const gone = await open(prefix)
  await gone.liveness.hold('w@host', 'gone')
  const backs: boolean[] = []
  cut.signal.link.onChange((isUp) => backs.push(isUp))
  await server.closeConnections()
  await vi.waitFor(() => expect(backs).toEqual([false, true]), soon)
  await gone.close()
  // Once for the cut, and perhaps once more for the end.
  await vi.waitFor(() => expect(new Set(lost)).toEqual(new Set(['gone'])), soon)
})

test.for(['crash', 'shutDown'] as const)(
  'after a %s of the broker nobody is called dead who lives, and who dies then is',
  {
    timeout: 120_000,
  },
  async (how) => {
    const prefix = fresh()
    const lost = await watched(await open(prefix))
    const alive = await open(prefix)
    await alive.liveness.hold('w@host', 'alive')
    const child = await startChild(`${server.url}?prefix=${prefix}`)
    const holder = await child.ask('hold', 'w@host', 'held')
    await server.persist()
    await server[how]()
    await server.restart()
    await vi.waitFor(async () => expect(await consumersOf(`${prefix}.alive.alive`)).toBe(1), soon)
    await vi.waitFor(async () => expect(await consumersOf(`${prefix}.alive.${holder}`)).toBe(1), soon)
    // What dies while the broker recovers its queues may stay untold: only when one death is heard of, others are sure to be.
    await vi.waitFor(
      async () => {
        const canary = await rabbitmqSignal(server.url, { prefix })
        await canary.liveness.hold('canary@host', 'canary')
        await canary.close()
        await vi.waitFor(() => expect(lost).toContain('canary'), { timeout: 2000 })
      },
      { timeout: 60_000 },
    )
    child.process.kill('SIGKILL')
    await vi.waitFor(() => expect(lost).toContain(holder), soon)
    expect(new Set(lost)).toEqual(new Set(['canary', holder]))
  },
)

test('whoever another witness knows to be gone gets no grace', async () => {
  const prefix = fresh()
  const isGone = async (holder: string) => holder === 'gone'
  const watcher = await open(prefix, { crashGrace: '10 minutes', isGone })
  const lost = await watched(watcher)
  for (const name of ['doubtful', 'gone']) {
    const { liveness, close } = await open(prefix)
    await liveness.hold('w@host', name)
    await close()
  }
  await vi.waitFor(() => expect(lost).toEqual(['gone']), soon)
})

test('a closed switch takes no more', async () => {
  const { liveness, close } = await open(fresh())
  await close()
  await expect(liveness.hold('w@host')).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await expect(liveness.watch(() => {})).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})
