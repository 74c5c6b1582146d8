/** The queue keeps every promise of a broker on PostgreSQL, too: each connection is a backend of its own on one schema. */
import { allPowers, runnableCases } from '@lovage/broker-conformance'
import { startPostgres } from '@lovage/services'
import { postgresBackend } from '@lovage/store-postgres'
import { afterAll, describe, test } from 'vitest'
import { createQueueBroker } from './queue-broker.ts'

const server = await startPostgres({ settings: { max_connections: 300 } })
afterAll(() => server.stop())
const url = await server.database()
let cases = 0

describe('the queue on PostgreSQL', () => {
  for (const { name, run } of runnableCases({ powers: allPowers })) {
    test.concurrent(name, { timeout: 60_000 }, async () => {
      const schema = `case_${++cases}`
      await run({
        async open() {
          return createQueueBroker(await postgresBackend(url, { schema }))
        },
      })
    })
  }
})
