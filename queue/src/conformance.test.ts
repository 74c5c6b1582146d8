import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allPowers, runnableCases } from '@lovage/broker-conformance'
import { sqliteBackend } from '@lovage/store-sqlite'
import { describe, test } from 'vitest'
import { createQueueBroker } from './queue-broker.ts'

// On memory the kit binds the queue itself. Here each connection is a backend of its own on one file, as other processes have
// it; killed processes are tried on real ones in `lovage/src/crash.test.ts`.
describe('the queue on one SQLite file', () => {
  for (const { name, run } of runnableCases({ powers: allPowers })) {
    test.concurrent(name, { timeout: 60_000 }, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'lovage-queue-'))
      try {
        await run({
          async open() {
            return createQueueBroker(await sqliteBackend(join(directory, 'queue.db')))
          },
        })
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    })
  }
})
