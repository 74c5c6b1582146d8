/** The program as its user meets it, in a cluster on Redis and in one on RabbitMQ. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pythonWithCelery, startRabbitmq, startRedis } from '@lovage/services'
import { expect, test } from 'vitest'

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

test('and on RabbitMQ', { timeout: 180_000 }, async () => {
  const server = await startRabbitmq()
  try {
    expect(await run(await server.virtualHost(), 'rpc://')).toEqual(expected)
  } finally {
    await server.stop()
  }
})
