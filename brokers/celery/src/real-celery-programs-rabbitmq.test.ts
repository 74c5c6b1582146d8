/** Celery's own programs steer a worker of Lovage's on RabbitMQ. */
import { type PrivateRabbitmq, startRabbitmq } from '@lovage/services'
import { afterAll, beforeAll, describe } from 'vitest'
import { operatorCases } from './fixtures/operator-cases.ts'

let server: PrivateRabbitmq
beforeAll(async () => {
  server = await startRabbitmq()
}, 120_000)
afterAll(() => server?.stop())

describe("Python's operator on RabbitMQ", { timeout: 120_000 }, () => {
  operatorCases(async () => ({ broker: await server.virtualHost(), results: 'rpc://' }))
})
