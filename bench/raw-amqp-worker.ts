/** The ceiling of a worker on RabbitMQ: amqplib consumes, acknowledges once a tick, and sends results. `node bench/raw-amqp-worker.ts URL` */
import { argv } from 'node:process'
import type { ConsumeMessage } from 'amqplib'
import { runRaw } from './celery-message.ts'
import { rawConnection } from './raw-amqp.ts'

const prefetch = 1000

const [, , url = '', results] = argv
const incoming = await rawConnection(url)
const outgoing = await rawConnection(url)
const channel = await incoming.createChannel()
const replies = await outgoing.createChannel()
await channel.assertQueue('celery', { durable: true })
await channel.prefetch(prefetch)
let last: ConsumeMessage | undefined
await channel.consume('celery', (message) => {
  if (message === null) return
  const { headers = {}, replyTo, correlationId } = message.properties
  const record = runRaw(headers.task, headers.id, message.content.toString())
  if (results !== undefined) {
    replies.publish('', replyTo, Buffer.from(record), { contentType: 'application/json', correlationId })
  }
  if (last === undefined) setImmediate(acknowledge)
  last = message
})
process.on('message', async () => {
  await incoming.close()
  await outgoing.close()
  process.disconnect()
})
process.send?.('ready')

function acknowledge(): void {
  if (last !== undefined) channel.ack(last, true)
  last = undefined
}
