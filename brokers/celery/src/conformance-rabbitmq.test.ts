/** The broker on RabbitMQ keeps what every broker owes the worker. */
import { allPowers, runnableCases } from '@lovage/broker-conformance'
import { type PrivateRabbitmq, startRabbitmq } from '@lovage/services'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { createCeleryBroker } from './celery-broker.ts'

let server: PrivateRabbitmq
beforeAll(async () => {
  server = await startRabbitmq()
}, 120_000)
afterAll(() => server.stop())

const powers = {
  ...allPowers,
  idempotentIds: false,
  holdsEta: false,
  choosesNames: false,
  cancels: false,
  cancelsRunning: false,
  sharesResults: false,
  keepsProgress: true,
  keepsLogs: false,
  handsOut: false,
}
const settings = { task_queue_max_priority: 10, task_default_priority: 5 }

describe('the Celery broker on RabbitMQ', () => {
  for (const { name, run } of runnableCases({ powers })) {
    test(name, { timeout: 60_000 }, async () => {
      const url = await server.virtualHost()
      await run({ open: () => createCeleryBroker({ url, results: 'rpc://', settings }) })
    })
  }
})
