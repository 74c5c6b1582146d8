/** The ceiling on RabbitMQ: amqplib by hand, with Celery's messages and nothing around them. */
import { randomUUID } from 'node:crypto'
import { hrtime } from 'node:process'
import { forkWorker, measure } from '../celery-member.ts'
import { rawTask } from '../celery-message.ts'
import { rawConnection } from '../raw-amqp.ts'
import { sendRate, type Variant } from '../variant.ts'

export const run: Variant = async (job) => {
  const { url = '', results } = job.settings
  const connection = await rawConnection(url)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('celery', { durable: true })
  const replyTo = randomUUID()
  if (results !== undefined) {
    await channel.assertQueue(replyTo, { autoDelete: true })
    await channel.consume(replyTo, (message) => message !== null && JSON.parse(message.content.toString()), { noAck: true })
  }
  const send = (name: string, input: object): Promise<void> =>
    new Promise((resolve, reject) => {
      const { id, headers, body } = rawTask(name, input)
      const encoding = { contentType: 'application/json', contentEncoding: 'utf-8' }
      const options = { ...encoding, headers, correlationId: id, replyTo, deliveryMode: 2 }
      channel.publish('', 'celery', Buffer.from(body), options, (error) => (error === null ? resolve() : reject(error)))
    })
  const file = new URL('../raw-amqp-worker.ts', import.meta.url)
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
    await connection.close()
  }
}
