/** The stream of events: what arrives, in what form, what a slow reader misses, and when it ends. */
import { request } from 'node:http'
import type { WorkerEvent } from '@lovage/core'
import { defineTask } from '@lovage/core'
import { type TestBroker, testBroker } from '@lovage/testing'
import { Worker } from '@lovage/worker'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventStream } from './event-stream.ts'
import { createServer, type Listening } from './index.ts'

let broker: TestBroker
let server: Listening
beforeEach(async () => {
  broker = await testBroker()
  server = await createServer({ client: broker, heartbeatMs: 20 }).listen(0)
})
afterEach(async () => {
  await server.close()
  await broker.close()
})

/** Reads a response message by message: each is the text between two empty lines. */
async function* messagesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(chunk, { stream: true })
    const parts = rest.split('\n\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
}

async function open(query: string, signal?: AbortSignal): Promise<AsyncGenerator<string>> {
  const response = await fetch(`${server.url}/api/events${query}`, signal === undefined ? {} : { signal })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const messages = messagesOf(response.body as ReadableStream<Uint8Array>)
  expect((await messages.next()).value).toBe(': listening')
  return messages
}

/** The next message that is no heartbeat. */
async function nextEvent(messages: AsyncGenerator<string>): Promise<WorkerEvent> {
  for (;;) {
    const { value, done } = await messages.next()
    if (done === true) throw new Error('the stream ended')
    if (value.startsWith('data: ')) return JSON.parse(value.slice('data: '.length))
  }
}

test('tells what a worker does, filtered by type', async () => {
  const double = defineTask({ name: 'double', run: (n: number) => n * 2 })
  const messages = await open('?types=task-started,task-succeeded')
  const worker = new Worker({ broker, tasks: [double], name: 'w@h', events: true })
  await worker.start()
  const { id } = await broker.send(double, 21)
  expect(await nextEvent(messages)).toMatchObject({ type: 'task-started', id, worker: 'w@h' })
  expect(await nextEvent(messages)).toMatchObject({ type: 'task-succeeded', id, result: '42' })
  await messages.return(undefined)
  await worker.stop()
})

test('is kept alive by comments', async () => {
  const messages = await open('')
  expect((await messages.next()).value).toBe(': alive')
  expect((await messages.next()).value).toBe(': alive')
  await messages.return(undefined)
})

test('ends when the server closes', async () => {
  const messages = await open('?types=none')
  await server.close()
  for await (const message of messages) expect(message).toBe(': alive')
})

test('stops listening when the reader goes away', async () => {
  let tell = (): void => {}
  const ended = new Promise<void>((resolve) => {
    tell = resolve
  })
  const client = {
    ...broker,
    capture: async () => async () => {
      tell()
    },
  }
  const other = await createServer({ client }).listen(0)
  const sent = request({ host: '127.0.0.1', port: other.port, path: '/api/events', agent: false }, (response) => {
    response.once('data', () => response.destroy())
  })
  sent.on('error', () => {}).end()
  await ended
  await other.close()
})

test('drops and counts what a slow reader does not take, and keeps the order', async () => {
  let handler = (_event: WorkerEvent): void => {}
  const capture = async (_patterns: unknown, given: typeof handler) => {
    handler = given
    return async () => {}
  }
  const closing = new AbortController()
  const stream = await eventStream({ client: { capture }, patterns: ['*'], heartbeatMs: 60_000, until: closing.signal })
  for (let n = 0; n < 1500; n++) handler({ type: 'x', at: n, worker: 'w@h' })
  const messages = messagesOf(stream)
  expect((await messages.next()).value).toBe(': listening')
  const seen: string[] = []
  for (let n = 0; n < 1000; n++) seen.push((await messages.next()).value as string)
  handler({ type: 'x', at: 9999, worker: 'w@h' })
  closing.abort()
  for await (const message of messages) seen.push(message)
  const times = seen.filter((message) => message.startsWith('data: ')).map((message) => JSON.parse(message.slice(6)).at)
  expect(times).toEqual([...times].sort((a, b) => a - b))
  const dropped = seen
    .filter((message) => message.startsWith('event: dropped'))
    .map((message) => JSON.parse(message.split('data: ')[1] ?? '').count)
  expect(dropped).toHaveLength(1)
  expect(times.length + dropped[0]).toBe(1501)
  expect(times.at(-1)).toBe(9999)
})

test('ends its capture when the stream is cancelled', async () => {
  let ended = 0
  const capture = async () => async () => {
    ended++
  }
  const until = new AbortController()
  const stream = await eventStream({ client: { capture }, patterns: ['*'], heartbeatMs: 60_000, until: until.signal })
  await stream.cancel()
  expect(ended).toBe(1)
  until.abort()
  expect(ended).toBe(1)
})
