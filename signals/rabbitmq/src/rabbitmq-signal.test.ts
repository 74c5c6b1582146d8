/** Messages, hints and news on a real broker that is left, cut off and restarted. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Hint, Task } from '@lovage/core'
import { startRabbitmq } from '@lovage/services'
import { connect } from 'amqplib'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { startChild } from './fixtures/child.ts'
import type { RabbitmqOptions } from './rabbitmq-options.ts'
import { type RabbitmqSignal, rabbitmqSignal } from './rabbitmq-signal.ts'

const server = await startRabbitmq()
afterAll(() => server.stop())
let prefixes = 0
const soon = { timeout: 15_000, interval: 10 }

async function open(prefix: string, options: RabbitmqOptions = {}): Promise<RabbitmqSignal> {
  const opened = await rabbitmqSignal(server.url, { prefix, heartbeat: '1s', ...options })
  onTestFinished(() => opened.close())
  return opened
}

const fresh = (): string => `t${++prefixes}`

const running: Task = {
  id: 'task.1',
  name: 'job',
  queue: 'prov/type',
  state: 'running',
  priority: 4,
  input: '{}',
  run: 0,
  retries: 0,
  lost: 0,
  lostLimit: 5,
  createdAt: 1_800_000_000_000,
  startedAt: 1_800_000_001_000,
  takenUntil: 1_800_000_031_000,
  worker: 'w1@rack.3',
  runs: [],
  blockers: 0,
}

async function pair(): Promise<readonly [RabbitmqSignal, RabbitmqSignal]> {
  const prefix = fresh()
  return [await open(prefix), await open(prefix)]
}

/** Takes hints and keeps them; each is answered with `left`. */
async function taker(of: RabbitmqSignal, queue: string, names: readonly string[] | undefined, left = 0) {
  const taken: Hint[] = []
  const handle = await of.signal.hints!.take(queue, names, async (hint) => {
    taken.push(hint)
    return taken.length === 1 ? left : 0
  })
  return { taken, ...handle }
}

test('messages reach subscribers here and elsewhere once, and nobody after they left', async () => {
  const [a, b] = await pair()
  const heard: string[] = []
  await a.signal.subscribe('x', (message) => heard.push(`a ${message}`))
  const end = await b.signal.subscribe('x', (message) => heard.push(`b ${message}`))
  a.signal.publish('x', 'ä 1')
  await vi.waitFor(() => expect(heard).toEqual(['a ä 1', 'b ä 1']), soon)
  end()
  a.signal.publish('x', '2')
  await b.signal.subscribe('y', (message) => heard.push(`b ${message}`))
  a.signal.publish('y', '3')
  await vi.waitFor(() => expect(heard.slice(2)).toEqual(['a 2', 'b 3']), soon)
})

test('nobody listening is found out by a first message, and somebody listening is told', async () => {
  const [a, b] = await pair()
  expect(a.signal.heard('x')).toBe(true)
  a.signal.publish('x', 'into the void')
  await vi.waitFor(() => expect(a.signal.heard('x')).toBe(false), soon)
  const end = await b.signal.subscribe('x', () => {})
  await vi.waitFor(() => expect(a.signal.heard('x')).toBe(true), soon)
  end()
  await vi.waitFor(() => {
    a.signal.publish('x', 'into the void')
    expect(a.signal.heard('x')).toBe(false)
  }, soon)
})

test('queues with different prefixes do not hear each other', async () => {
  const a = await open(fresh())
  const b = await open(fresh())
  const heard: string[] = []
  await b.signal.subscribe('x', (message) => heard.push(message))
  const other = await taker(b, 'default', ['job'])
  a.signal.publish('x', 'not for b')
  a.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
  b.signal.publish('x', 'for b')
  b.signal.hints?.post({ queue: 'default', name: 'job', amount: 7 })
  await vi.waitFor(() => expect(other.taken.length).toBe(7), soon)
  expect(heard).toEqual(['for b'])
})

test('a hint wakes one of those who know the task, and one of every kind of worker that does', async () => {
  const [a, b] = await pair()
  const same = [await taker(a, 'default', ['job', 'mail']), await taker(b, 'default', ['mail', 'job'])]
  const other = await taker(b, 'default', ['job'])
  const none = await taker(b, 'default', ['mail'])
  const every = await taker(b, 'default', undefined)
  a.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
  await vi.waitFor(() => {
    expect(every.taken).toEqual([{ queue: 'default', name: 'job', amount: 1 }])
    expect(other.taken).toEqual([{ queue: 'default', name: 'job', amount: 1 }])
    expect(same.flatMap(({ taken }) => taken)).toHaveLength(1)
  }, soon)
  a.signal.hints?.post({ queue: 'default', amount: 1 })
  await vi.waitFor(() => expect([...same, other, none].flatMap(({ taken }) => taken)).toHaveLength(5), soon)
  expect(none.taken).toEqual([{ queue: 'default', name: undefined, amount: 1 }])
})

test('whoever has no room for all that is hinted at wakes another, and whoever pauses leaves hints to others', async () => {
  const [a, b] = await pair()
  const full = await taker(a, 'default', ['job'], 3)
  a.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
  await vi.waitFor(() => expect(full.taken.map(({ amount }) => amount)).toEqual([1, 3]), soon)
  full.pause()
  const idle = await taker(b, 'default', ['job'])
  for (let n = 1; n <= 10; n++) {
    a.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
    await vi.waitFor(() => expect(idle.taken).toHaveLength(n), soon)
  }
  expect(full.taken).toHaveLength(2)
  idle.pause()
  a.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
  full.resume()
  await vi.waitFor(() => expect(full.taken).toHaveLength(3), soon)
})

test('many tasks of one tick are a few hints that stand for all of them', async () => {
  const [a, b] = await pair()
  const { taken } = await taker(b, 'default', ['job'])
  for (let n = 0; n < 1003; n++) a.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
  await vi.waitFor(() => expect(taken.reduce((sum, { amount }) => sum + amount, 0)).toBe(1003), soon)
  expect(taken).toHaveLength(8)
})

test('one worker may take the hints of many queues', { timeout: 60_000 }, async () => {
  const [a, b] = await pair()
  const queues = Array.from({ length: 40 }, (_, n) => `queue-${n}`)
  const takers = await Promise.all(queues.map((queue) => taker(b, queue, ['job'])))
  for (const queue of queues) a.signal.hints?.post({ queue, name: 'job', amount: 1 })
  await vi.waitFor(() => expect(takers.map(({ taken }) => taken.length)).toEqual(queues.map(() => 1)), soon)
  expect(b.signal.link.isUp).toBe(true)
})

test('the hint of a worker that is killed before its claim goes to another, and so does one whose claim failed', async () => {
  const [a, b] = await pair()
  const child = await startChild(`${server.url}?prefix=t${prefixes}`)
  await child.ask('take', 'default', 'taking')
  const taken = child.next('taken')
  a.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
  expect(await taken).toBe('job')
  let failures = 0
  const seen: Hint[] = []
  await b.signal.hints?.take('default', ['job'], async (hint) => {
    seen.push(hint)
    if (failures++ === 0) throw new TypeError('no claim today')
    return 0
  })
  child.process.kill('SIGKILL')
  await vi.waitFor(() => expect(seen).toHaveLength(2), soon)
  expect(seen[1]).toEqual({ queue: 'default', name: 'job', amount: 1 })
})

test('a connection that is cut comes back by itself, with all that was on it', async () => {
  const troubles: string[] = []
  const prefix = fresh()
  const a = await open(prefix, { onTrouble: (error) => troubles.push(error.message), onBack: () => troubles.push('back') })
  const b = await open(prefix)
  const heard: string[] = []
  await a.signal.subscribe('x', (message) => heard.push(message))
  const hinted = await taker(a, 'default', ['job'])
  let backs = 0
  a.signal.onBack?.(() => backs++)
  await server.closeConnections()
  await vi.waitFor(() => expect([backs, b.signal.link.isUp]).toEqual([1, true]), soon)
  b.signal.publish('x', 'again')
  b.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
  await vi.waitFor(() => expect([heard.length, hinted.taken.length]).toEqual([1, 1]), soon)
  expect(troubles).toEqual([
    expect.stringMatching(/^\[store unavailable\] expected RabbitMQ at amqp:\/\/127\.0\.0\.1:\d+, got: /),
    'back',
  ])
  expect(troubles[0]).not.toContain('private')
})

test('a broker that is short of memory is as good as away until it has some', { timeout: 90_000 }, async () => {
  const troubles: string[] = []
  const prefix = fresh()
  const onTrouble = (error: Error) => void troubles.push(error.message)
  const a = await open(prefix, { onTrouble, onBack: () => troubles.push('back') })
  const b = await open(prefix)
  const hinted = await taker(b, 'default', ['job'])
  const [cut, closed] = [await open(prefix), await open(prefix)]
  for (const one of [cut, closed]) await one.liveness.hold('w@host', one === cut ? 'cut' : 'closed')
  await server.control('set_vm_memory_high_watermark', 'absolute', '1')
  onTestFinished(async () => void (await server.control('set_vm_memory_high_watermark', '0.4')))
  // The broker says so to whoever publishes.
  await vi.waitFor(() => {
    a.signal.publish('x', 'unread')
    expect(a.signal.link.isUp).toBe(false)
  }, soon)
  expect(troubles).toEqual([expect.stringContaining('low on memory')])
  // Nobody waits for ever.
  const third = await open(prefix)
  await third.liveness.hold('w@host')
  await third.close()
  await server.closeConnections()
  await vi.waitFor(() => expect(cut.signal.link.isUp).toBe(false), soon)
  await closed.close()
  await server.control('set_vm_memory_high_watermark', '0.4')
  await vi.waitFor(() => expect([a.signal.link.isUp, cut.signal.link.isUp, troubles.at(-1)]).toEqual([true, true, 'back']), soon)
  const consumers = await server.control('list_queues', 'name', 'consumers')
  expect(consumers).toContain(`${prefix}.alive.cut\t1`)
  await vi.waitFor(() => expect(b.signal.link.isUp).toBe(true), soon)
  a.signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
  await vi.waitFor(() => expect(hinted.taken).toHaveLength(1), soon)
})

test('a broker that is not there is told of once, and joined when it comes', async () => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  const told: string[] = []
  const { signal, liveness, close } = await rabbitmqSignal(`amqp://lovage:private@127.0.0.1:${port}`, {
    heartbeat: '1s',
    onTrouble: (error) => told.push(error.message),
  })
  expect(signal.link.isUp).toBe(false)
  const heard: string[] = []
  const end = await signal.subscribe('x', (message) => heard.push(message))
  const hold = await liveness.hold('w@host')
  signal.publish('x', 'among ourselves')
  await vi.waitFor(() => expect(heard).toEqual(['among ourselves']), soon)
  // It comes as a tunnel to the one that is there.
  const { connect: dial } = await import('node:net')
  const tunnel = createServer((socket) => {
    const far = dial(server.port, '127.0.0.1')
    socket.pipe(far).pipe(socket)
    for (const each of [socket, far]) each.on('error', () => {})
  }).listen(port, '127.0.0.1')
  onTestFinished(() => void tunnel.close())
  await vi.waitFor(() => expect(signal.link.isUp).toBe(true), soon)
  expect(told).toEqual([expect.stringContaining('ECONNREFUSED')])
  await hold.release()
  end()
  await close()
  await close()
})

test('what somebody deletes on the broker is declared again by whoever writes to it', async () => {
  const prefix = fresh()
  const { signal } = await open(prefix)
  const other = await open(prefix)
  const outside = await connect(server.url)
  onTestFinished(() => outside.close())
  const channel = await outside.createChannel()
  const hinted = await taker(other, 'default', ['job'])
  await signal.hints?.take('mine', ['job'], async () => 0)
  const exchanges = [`${prefix}.signal`, `${prefix}.hints`, `exchange/${prefix}/v1/task-running`]
  for (const name of exchanges) await channel.deleteExchange(name)
  // Whoever writes notices.
  for (const one of [signal, other.signal]) {
    one.publish('x', 'lost')
    one.hints?.post({ queue: 'default', name: 'job', amount: 1 })
    one.news?.tell('running', { ...running, queue: 'prov/other' })
  }
  const heard: string[] = []
  await other.signal.subscribe('x', (message) => heard.push(message))
  const { queue } = await channel.assertQueue('', { exclusive: true })
  await vi.waitFor(async () => {
    const fresher = await outside.createChannel()
    fresher.on('error', () => {})
    await fresher.bindQueue(queue, exchanges[2] ?? '', '#')
  }, soon)
  const news: string[] = []
  await channel.consume(queue, (message) => news.push(message?.fields.routingKey ?? ''))
  await vi.waitFor(() => {
    signal.publish('x', 'again')
    signal.hints?.post({ queue: 'default', name: 'job', amount: 1 })
    signal.news?.tell('running', running)
    expect([heard.length, hinted.taken.length, news.length].map((count) => count > 0)).toEqual([true, true, true])
  }, soon)
  expect(signal.link.isUp).toBe(true)
})

test('an idle connection does not keep its process alive', async () => {
  const child = await startChild(`${server.url}?prefix=${fresh()}`, { KEEP: 'yes' })
  const exit = once(child.process, 'exit', { signal: AbortSignal.timeout(15_000) })
  child.process.send({ word: 'idle' })
  expect(await exit).toEqual([0, null])
})

test('news has the exchanges, keys and bodies that listeners of the Taskcluster queue know', async () => {
  const prefix = fresh()
  const { signal } = await open(prefix)
  const listener = await connect(server.url)
  onTestFinished(() => listener.close())
  const channel = await listener.createChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(queue, `exchange/${prefix}/v1/task-running`, 'primary.*.*.*.*.prov.type.#')
  const messages: { key: string; body: unknown; type: string }[] = []
  await channel.consume(queue, (message) => {
    if (message === null) return
    const { routingKey: key } = message.fields
    messages.push({ key, body: JSON.parse(message.content.toString()), type: message.properties.contentType })
  })
  signal.news?.tell('running', running)
  signal.news?.tell('running', { ...running, queue: 'other/type' })
  await vi.waitFor(() => expect(messages).toHaveLength(1), soon)
  expect(messages[0]?.key).toBe('primary.task-1.0.rack-3.w1.prov.type.-.task-1._')
  expect(messages[0]?.type).toBe('application/json')
  expect(messages[0]?.body).toMatchObject({
    version: 1,
    runId: 0,
    workerGroup: 'rack.3',
    workerId: 'w1',
    takenUntil: '2027-01-15T08:00:31.000Z',
    task: { tags: {} },
    status: { taskId: 'task.1', taskQueueId: 'prov/type', state: 'running', runs: [{ runId: 0, state: 'running' }] },
  })
  const silent = await open(prefix, { events: false })
  expect(silent.signal.news).toBeUndefined()
})
