/** The ceiling on Redis: ioredis by hand, with Celery's messages in kombu's keys and nothing around them. */
import { randomUUID } from 'node:crypto'
import { hrtime } from 'node:process'
import { Redis } from 'ioredis'
import { forkWorker, measure } from '../celery-member.ts'
import { rawTask } from '../celery-message.ts'
import { sendRate, type Variant } from '../variant.ts'

export const run: Variant = async (job) => {
  const { url = '', results } = job.settings
  const redis = new Redis(url, { enableAutoPipelining: true })
  const replyTo = randomUUID()
  const send = (name: string, input: object): Promise<unknown> => {
    const { id, headers, body } = rawTask(name, input)
    const properties = {
      ...{ correlation_id: id, reply_to: replyTo, delivery_mode: 2, delivery_info: { exchange: '', routing_key: 'celery' } },
      ...{ priority: 0, body_encoding: 'base64', delivery_tag: randomUUID() },
    }
    const encoded = Buffer.from(body).toString('base64')
    const encoding = { 'content-encoding': 'utf-8', 'content-type': 'application/json' }
    return redis.lpush('celery', JSON.stringify({ body: encoded, ...encoding, headers, properties }))
  }
  const file = new URL('../raw-redis-worker.ts', import.meta.url)
  try {
    return await measure(
      {
        fill: (tasks) => sendRate({ ...job, tasks }, (i) => send('noop', { i })),
        async mark(port) {
          const now = hrtime.bigint()
          await send('mark', { port })
          return now
        },
        startWorker: () => forkWorker(file, results === undefined ? [url] : [url, results]),
      },
      job,
    )
  } finally {
    redis.disconnect()
  }
}
