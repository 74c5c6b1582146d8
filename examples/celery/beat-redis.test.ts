/** Two processes with the same schedules: each firing comes to the cluster once, and they go on when one of them is killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis } from '@lovage/services'
import { connectCelery, defineTask, Worker } from 'lovage'
import { expect, onTestFinished, test } from 'vitest'

/** Starts one and resolves when it is up. */
async function startBeat(broker: string, folder: string): Promise<ChildProcess> {
  const env = { ...process.env, CELERY_BROKER_URL: broker, LOVAGE_BROKER: `sqlite:${join(folder, 'beat.db')}` }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'beat.ts'), '1s'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  await new Promise<void>((up, fail) => {
    child.stdout.on('data', (text: Buffer) => String(text).includes('up until Ctrl-C') && up())
    child.once('close', () => fail(new Error('beat ended before it was up')))
  })
  return child
}

test('periodic tasks are sent once, however many processes send them', { timeout: 120_000 }, async () => {
  const server = await startRedis()
  const folder = mkdtempSync(join(tmpdir(), 'lovage-beat-'))
  onTestFinished(async () => {
    rmSync(folder, { recursive: true, force: true })
    await server.stop()
  })
  const cluster = await connectCelery(`${server.url}/0`)
  const seen: string[] = []
  let wake = () => {}
  const total = defineTask({
    name: 'prices.total',
    run(_: unknown, { id, args }) {
      expect(args).toEqual([[{ count: 1, cents: 100 }]])
      seen.push(id)
      wake()
    },
  })
  const worker = new Worker({ broker: cluster, tasks: [total] })
  await worker.start()
  onTestFinished(async () => {
    await worker.stop({ cold: true })
    await cluster.close()
  })
  const firings = async (count: number) => {
    while (seen.length < count) await new Promise<void>((resolve) => (wake = resolve))
  }
  const [killed, left] = await Promise.all([startBeat(`${server.url}/0`, folder), startBeat(`${server.url}/0`, folder)])
  await firings(4)
  expect(seen[0]).toMatch(/^schedule:total:\d+000$/)
  expect(new Set(seen).size).toBe(seen.length)
  killed.kill('SIGKILL')
  // What it was sending at that moment may come twice, under one id.
  await firings(seen.length + 3)
  expect(new Set(seen).size).toBeGreaterThanOrEqual(seen.length - 1)
  left.kill('SIGINT')
  expect(await once(left, 'close')).toEqual([0, null])
})
