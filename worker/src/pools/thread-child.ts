/** The entry of a worker thread of the pool. */
import { parentPort } from 'node:worker_threads'
import { serve } from './child.ts'

serve({
  post: (text) => parentPort?.postMessage(text),
  listen: (listener) => parentPort?.on('message', listener),
})
