/** The broker on Redis keeps what every broker owes the worker. */
import { allPowers, runnableCases } from '@lovage/broker-conformance'
import { type PrivateRedis, startRedis } from '@lovage/services'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { createCeleryBroker } from './celery-broker.ts'

let server: PrivateRedis
beforeAll(async () => {
  server = await startRedis()
}, 120_000)
afterAll(() => server.stop())

const powers = {
  ...allPowers,
  idempotentIds: false,
  holdsEta: false,
  choosesNames: false,
  cancels: false,
  cancelsRunning: false,
  keepsLogs: false,
  handsOut: false,
}

let world = 0

describe('the Celery broker on Redis', () => {
  for (const { name, run } of runnableCases({ powers })) {
    test(name, { timeout: 60_000 }, async () => {
      // A prefix for each case: a server has too few databases.
      const prefix = `case${++world}:`
      const settings = {
        task_default_priority: 5,
        broker_transport_options: { global_keyprefix: prefix, fanout_prefix: `${prefix}{db}.` },
        result_backend_transport_options: { global_keyprefix: prefix },
      }
      await run({ open: () => createCeleryBroker({ url: `${server.url}/0`, results: `${server.url}/1`, settings }) })
    })
  }
})
