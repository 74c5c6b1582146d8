/** The shell worker against a real server: what it runs, what fails, and that quotes reach the command as they were. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Listening } from '@lovage/server'
import { type Client, connect } from 'lovage'
import { afterEach, beforeEach, expect, it } from 'vitest'

let directory: string
let broker: Client
let server: Listening
let worker: ChildProcess
let said = ''
beforeEach(async () => {
  said = ''
  directory = mkdtempSync(join(tmpdir(), 'lovage-shell-'))
  broker = await connect('memory:')
  server = await createServer({ client: broker }).listen(0)
  const file = join(import.meta.dirname, 'worker.sh')
  // A group of its own: the worker has children that must end with it.
  worker = spawn('sh', [file, server.url, 'tools/shell', 'here', 'w1'], {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  worker.stdout?.on('data', (text) => {
    said += text
  })
})
afterEach(async () => {
  if (worker.pid !== undefined && worker.exitCode === null && worker.signalCode === null) process.kill(-worker.pid, 'SIGKILL')
  await server.close()
  await broker.close()
  rmSync(directory, { recursive: true, force: true })
})

const definition = (command: string) => ({
  ...{ taskQueueId: 'tools/shell', payload: { command } },
  ...{ created: new Date().toJSON(), deadline: new Date(Date.now() + 3_600_000).toJSON() },
  metadata: { name: 'shell', description: '', owner: 'me@example.com', source: 'https://example.com/' },
})

async function create(taskId: string, command: string): Promise<void> {
  const body = JSON.stringify(definition(command))
  const { status } = await fetch(`${server.url}/api/queue/v1/task/${taskId}`, { method: 'PUT', body })
  expect(status).toBe(200)
}

it('runs commands, and says which failed', async () => {
  await create('good', `printf '%s' "a \\"b\\" \\\\ c/d" > out`)
  await create('bad', 'exit 3')
  await broker.send(
    'http.payload',
    { command: 'printf native >> out' },
    { id: 'native', queue: 'tools/shell', priority: 'lowest' },
  )
  expect(await broker.results.wait('native', { timeoutMs: 15_000 })).toMatchObject({ state: 'completed' })
  expect(await broker.results.get(['good', 'bad'])).toMatchObject([{ state: 'completed' }, { state: 'failed' }])
  expect(readFileSync(join(directory, 'out'), 'utf8')).toBe('a "b" \\ c/dnative')
})

it('loses what it runs as soon as somebody says that it crashed', async () => {
  await create('endless', 'touch begun; exec sleep 600')
  await expect.poll(() => existsSync(join(directory, 'begun')), { timeout: 15_000 }).toBe(true)
  process.kill(-(worker.pid as number), 'SIGKILL')
  const [, incarnation] = /^incarnation: (.*)$/m.exec(said) ?? []
  const crashed = await fetch(`${server.url}/api/queue/v1/workers/tools/shell/here/w1/crashed`, {
    method: 'POST',
    body: JSON.stringify({ incarnation }),
  })
  expect(await crashed.json()).toEqual({ resolved: [{ taskId: 'endless', runId: 0 }] })
})
