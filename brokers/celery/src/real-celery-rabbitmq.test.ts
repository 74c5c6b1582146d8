/** Python's Celery and Lovage side by side in one cluster on RabbitMQ. */
import { type PrivateRabbitmq, startRabbitmq } from '@lovage/services'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Cluster } from './fixtures/cluster.ts'
import { pythonClientCases } from './fixtures/python-client-cases.ts'
import { pythonWorkerCases } from './fixtures/python-worker-cases.ts'

let server: PrivateRabbitmq
beforeAll(async () => {
  server = await startRabbitmq()
}, 120_000)
afterAll(() => server.stop())

describe('a Celery cluster on RabbitMQ', () => {
  const cluster: Cluster = {
    urls: async () => ({ broker: await server.virtualHost(), results: 'rpc://' }),
    countsChords: false,
  }
  describe('a Python client and our worker', () => pythonClientCases(cluster))
  describe('our client and a Python worker', () => pythonWorkerCases(cluster))
})
