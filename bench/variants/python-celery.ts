/** Python's Celery: `apply_async` one after the other, and its worker without events and without a line of log for each task. */
import { fileURLToPath } from 'node:url'
import { startCeleryClient, startCeleryWorker } from '@lovage/services'
import { measure } from '../celery-member.ts'
import type { Variant } from '../variant.ts'

/** What it sends and drains in a like time. */
const most = 6000

export const run: Variant = async (job) => {
  const { url: broker = '', results: backend, pool } = job.settings
  const isSolo = pool === 'solo'
  // With the default of 4 a solo worker waits for RabbitMQ, which waits for its acknowledgement.
  const settings = { worker_prefetch_multiplier: isSolo ? 128 : 64, task_ignore_result: backend === undefined }
  const app = { file: fileURLToPath(new URL('../noop.py', import.meta.url)), broker, backend, settings }
  const client = await startCeleryClient(app)
  try {
    return await measure(
      {
        fill: async (count) => Number(await client.run('return fill(given)', count)),
        mark: async (port) => BigInt(String(await client.run('return send_mark(given)', port))),
        startWorker: () =>
          startCeleryWorker({ ...app, name: 'bench@py', pool: isSolo ? 'solo' : 'prefork', concurrency: isSolo ? 1 : 2 }),
      },
      { ...job, tasks: Math.min(job.tasks, most) },
    )
  } finally {
    await client.stop()
  }
}
