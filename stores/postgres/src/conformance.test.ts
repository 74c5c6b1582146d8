/** The PostgreSQL store keeps every promise of the Store port; where one must survive a kill, a process is killed. */
import { runnableCases } from '@lovage/store-conformance'
import { test } from 'vitest'
import { cluster } from './fixtures/cluster.ts'
import { type StoreProcess, storeProcess } from './fixtures/store-process.ts'
import { postgresStore } from './postgres-store.ts'

const server = await cluster()
const url = await server.database()
let cases = 0

for (const { name, needs, run } of runnableCases({ durable: true, shared: true, renewsAlone: false })) {
  // Each case has tables, and each crash processes, of its own.
  test.concurrent(name, { timeout: 60_000 }, async ({ onTestFinished }) => {
    const schema = `case_${++cases}`
    if (!needs.includes('durable')) return run({ open: () => postgresStore(url, { schema }) })
    const processes: StoreProcess[] = []
    onTestFinished(() => Promise.all(processes.map(({ kill }) => kill())).then(() => {}))
    await run({
      async open() {
        const started = await storeProcess(url, { schema })
        processes.push(started)
        return started.store
      },
      async crash() {
        await Promise.all(processes.map(({ kill }) => kill()))
      },
    })
  })
}
