/** Celery's own programs steer a worker of Lovage's on Redis. */
import { type PrivateRedis, startRedis } from '@lovage/services'
import { afterAll, beforeAll, describe } from 'vitest'
import { operatorCases } from './fixtures/operator-cases.ts'

let server: PrivateRedis
beforeAll(async () => {
  server = await startRedis()
}, 120_000)
afterAll(() => server?.stop())

describe("Python's operator on Redis", { timeout: 120_000 }, () => {
  operatorCases(async () => ({ broker: `${server.url}/0`, results: `${server.url}/1` }))
})
