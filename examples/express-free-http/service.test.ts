/** The service as its clients meet it: over HTTP, with its worker beside it or elsewhere, and told to end in the middle. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect, Worker } from 'lovage'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { summarize } from './tasks.ts'

let cwd: string
const children: ChildProcess[] = []
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'lovage-http-'))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(cwd, { recursive: true, force: true })
})

/** Starts the service on a port of its own; resolves when it listens. */
async function start(...args: string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--port', '0', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  children.push(child)
  const lines = createInterface(child.stdout)
  const exit = once(child, 'close') as Promise<[number | null]>
  const [line] = (await once(lines, 'line')) as [string]
  const base = line.split(' ')[0] ?? ''
  return {
    base,
    post: (input: unknown, headers: Record<string, string> = {}) =>
      fetch(`${base}/summaries`, { method: 'POST', body: typeof input === 'string' ? input : JSON.stringify(input), headers }),
    async get(path: string) {
      const response = await fetch(`${base}${path}`)
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    },
    /** Sends a signal and resolves with the exit code. */
    async stop(signal: NodeJS.Signals = 'SIGTERM') {
      child.kill(signal)
      return (await exit)[0]
    },
  }
}

const sentence = { text: 'The cat and the dog and the bird' }
const summary = {
  words: 8,
  most: [
    { word: 'the', times: 3 },
    { word: 'and', times: 2 },
    { word: 'bird', times: 1 },
  ],
}

it('answers 202 at once, and the result to whoever waits for it', async () => {
  const service = await start()
  const accepted = await service.post({ ...sentence, takes: 300 })
  const { id, status, result } = (await accepted.json()) as Record<string, string>
  expect(accepted.status).toBe(202)
  expect(accepted.headers.get('location')).toBe(`/summaries/${id}`)
  expect(await service.get(`${status}`)).toMatchObject({ status: 202, body: { id } })
  expect(await service.get(`${result}`)).toEqual({ status: 200, body: { id, state: 'completed', result: summary } })
  expect(await service.stop('SIGINT')).toBe(0)
})

it('takes the same Idempotency-Key as the same request, and refuses what it cannot take', async () => {
  const service = await start()
  const headers = { 'idempotency-key': 'order-7' }
  const ids = await Promise.all([1, 2].map(async () => (await (await service.post(sentence, headers)).json()) as { id: string }))
  expect(ids.map(({ id }) => id)).toEqual(['summary-order-7', 'summary-order-7'])
  expect((await service.post({ text: 'other' }, headers)).status).toBe(409)
  expect((await service.post(sentence, { 'idempotency-key': 'a b' })).status).toBe(400)
  expect((await service.post({ text: '' })).status).toBe(400)
  expect((await service.post('{')).status).toBe(400)
  expect((await service.post({ text: 'a'.repeat(300_000) })).status).toBe(413)
  expect((await service.get('/summaries/unknown?wait=5')).status).toBe(404)
  expect((await service.get('//')).status).toBe(404)

  const { id } = (await (await service.post({ text: '1 2 3' })).json()) as { id: string }
  expect(await service.get(`/summaries/${id}?wait=10`)).toMatchObject({ status: 200, body: { reason: 'cancelled' } })
  expect(await service.stop()).toBe(0)
})

it('ends gently: who waits is answered, what runs comes to its end, a request that is cut off holds nobody', async () => {
  const service = await start()
  const { port } = new URL(service.base)
  const half = connectSocket(Number(port), '127.0.0.1').on('error', () => {})
  half.write('POST /summaries HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\n{')
  const { id } = (await (await service.post({ ...sentence, takes: 2500 })).json()) as { id: string }
  const client = await connect(`sqlite:${join(cwd, 'lovage.db')}`)
  await expect.poll(async () => (await client.task(id).state()).state, { timeout: 5000 }).toBe('running')
  const waiting = service.get(`/summaries/${id}?wait=60`)
  // By its answer the long poll, which was sent before it, has come in.
  expect((await service.get(`/summaries/${id}`)).body).toMatchObject({ state: 'running' })
  const stopped = service.stop()
  expect(await waiting).toMatchObject({ status: 202, body: { state: 'running' } })
  expect(await stopped).toBe(0)
  expect((await client.task(id).state()).result).toEqual(summary)
  half.destroy()
  await client.close()
})

it('does without a worker of its own: any process with the same file may have it', async () => {
  const service = await start('--no-worker')
  const { result } = (await (await service.post(sentence)).json()) as { result: string }
  const waiting = service.get(result)
  const client = await connect(`sqlite:${join(cwd, 'lovage.db')}`)
  const worker = new Worker({ broker: client, tasks: [summarize] })
  await worker.start()
  expect((await waiting).body.result).toEqual(summary)
  await worker.stop()
  await client.close()
  expect(await service.stop()).toBe(0)
})
