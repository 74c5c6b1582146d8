/** Python's Celery and Lovage side by side in one cluster on Redis. */
import { type PrivateRedis, startRedis } from '@lovage/services'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Cluster } from './fixtures/cluster.ts'
import { pythonClientCases } from './fixtures/python-client-cases.ts'
import { pythonWorkerCases } from './fixtures/python-worker-cases.ts'

let server: PrivateRedis
beforeAll(async () => {
  server = await startRedis()
}, 120_000)
afterAll(() => server.stop())

describe('a Celery cluster on Redis', () => {
  let database = 0
  const cluster: Cluster = {
    urls: async () => ({ broker: `${server.url}/${database++}`, results: `${server.url}/15` }),
    countsChords: true,
  }
  describe('a Python client and our worker', () => pythonClientCases(cluster))
  describe('our client and a Python worker', () => pythonWorkerCases(cluster))
})
