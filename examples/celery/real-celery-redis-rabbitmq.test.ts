/** The programs as their user meets them, in a cluster on Redis and in one on RabbitMQ. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PrivateRabbitmq, pythonWithCelery, startCeleryWorker, startRabbitmq, startRedis } from '@lovage/services'
import { connectCelery, type WorkerEvent } from 'lovage'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

function run(broker: string, results: string): Promise<{ lines: string[]; stderr: string }> {
  const PYTHON = pythonWithCelery()
  const env = { ...process.env, PYTHON, CELERY_BROKER_URL: broker, CELERY_RESULT_BACKEND: results }
  return new Promise((done) => {
    const file = join(import.meta.dirname, 'main.ts')
    execFile(process.execPath, [file], { env, timeout: 100_000, killSignal: 'SIGKILL' }, (_, stdout, stderr) => {
      done({ lines: stdout.trimEnd().split('\n'), stderr })
    })
  })
}

const expected = {
  lines: [
    'from Python: Danke, ada@example.org: 42.00 EUR',
    'from Python: UnknownCustomer: expected an address, got: nobody',
    'from TypeScript: Thank you, bob@example.org: 11.00 EUR',
    'lovage sees: python@shop,typescript@shop',
    'celery sees: python@shop,typescript@shop',
  ],
  stderr: '',
}

test('both halves of the shop work together on Redis', { timeout: 120_000 }, async () => {
  const server = await startRedis()
  try {
    expect(await run(`${server.url}/0`, `${server.url}/1`)).toEqual(expected)
  } finally {
    await server.stop()
  }
})

const lovage = join(import.meta.dirname, '../../apps/cli/bin/lovage.js')

/** Starts a program and resolves when it says that it is up. */
async function start(words: readonly string[], saying: string, environment: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, words, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  await new Promise<void>((up, fail) => {
    child.stdout.on('data', (text: Buffer) => String(text).includes(saying) && up())
    child.once('close', () => fail(new Error(`${words[0]} ended before it was up`)))
  })
  return child
}

describe('on RabbitMQ', () => {
  let server: PrivateRabbitmq
  beforeAll(async () => {
    server = await startRabbitmq()
  }, 90_000)
  afterAll(() => server?.stop())

  test('both halves of the shop work together', { timeout: 120_000 }, async () => {
    expect(await run(await server.virtualHost(), 'rpc://')).toEqual(expected)
  })

  test('beat.ts and `lovage forward` send periodic tasks once, and go on without one another', { timeout: 90_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lovage-beat-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const broker = await server.virtualHost()
    const file = join(import.meta.dirname, 'shop.py')
    const python = await startCeleryWorker({ file, broker, name: 'python@shop', words: ['-E'] })
    onTestFinished(() => python.stop())
    const cluster = await connectCelery(broker)
    onTestFinished(() => cluster.close())
    const seen: WorkerEvent[] = []
    let wake = () => {}
    await cluster.events.capture(['task-received'], (event) => {
      seen.push(event)
      wake()
    })
    const firings = async (count: number) => {
      while (seen.length < count) await new Promise<void>((resolve) => (wake = resolve))
    }
    const LOVAGE_BROKER = `sqlite:${join(folder, 'beat.db')}`
    const [killed, left] = await Promise.all([
      start([join(import.meta.dirname, 'beat.ts'), '1s'], 'up until Ctrl-C', { CELERY_BROKER_URL: broker, LOVAGE_BROKER }),
      start([lovage, 'forward', '--to', broker], 'forward ready', { LOVAGE_BROKER }),
    ])
    await firings(3)
    expect(seen[0]).toMatchObject({ name: 'prices.total', worker: 'python@shop', args: "([{'count': 1, 'cents': 100}],)" })
    expect(seen[0]?.id).toMatch(/^schedule:total:\d+000$/)
    const different = () => new Set(seen.map(({ id }) => id)).size
    expect(different()).toBe(seen.length)
    killed.kill('SIGKILL')
    // What it was sending at that moment may come twice, under one id.
    await firings(seen.length + 2)
    expect(different()).toBeGreaterThanOrEqual(seen.length - 1)
    left.kill('SIGINT')
    expect(await once(left, 'close')).toEqual([0, null])
  })
})
