/** The SQLite store keeps every promise of the Store port; where one must survive a kill, a process is killed. */
import { runnableCases } from '@lovage/store-conformance'
import { test } from 'vitest'
import { type BackendProcess, backendProcess } from './fixtures/backend-process.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqliteStore } from './sqlite-store.ts'

for (const { name, needs, run } of runnableCases({ durable: true, shared: true, renewsAlone: true })) {
  // Each case has a file, and each crash processes, of its own.
  test.concurrent(name, async ({ onTestFinished }) => {
    const path = await scratchFile(onTestFinished)
    if (!needs.includes('durable')) return run({ open: () => sqliteStore(path) })
    const processes: BackendProcess[] = []
    await run({
      async open() {
        const started = await backendProcess(onTestFinished, path)
        processes.push(started)
        return started.store
      },
      async crash() {
        await Promise.all(processes.map(({ kill }) => kill()))
      },
    })
  })
}
