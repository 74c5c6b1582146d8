/** Where the database thread starts. */
import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadOptions } from './wire.ts'

// A thread shares no compiled code with the process that starts it: from the sources, opening a file takes 30 ms with
// Node's compile cache and 80 ms without.
enableCompileCache()
const { serve } = await import('./serve.ts')
if (parentPort !== null) serve(parentPort, workerData as ThreadOptions)
