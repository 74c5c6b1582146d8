/** Ends a child process with its parent, even while a handler holds the child's event loop. */
import { Worker } from 'node:worker_threads'

// Text instead of a file: the thread then starts without the loaders of the process, in a few milliseconds and megabytes.
const source = `
const { Socket } = require('node:net')
const leash = new Socket({ fd: require('node:worker_threads').workerData })
leash.on('error', () => {})
leash.on('close', () => process.kill(process.pid, 'SIGKILL'))
leash.resume()
`

/**
 * Kills this process when the other end of a pipe closes, which the kernel sees to however the parent dies.
 * The thread that waits for it costs no CPU.
 */
export function dieWithParent(fd: number): void {
  const thread = new Worker(source, {
    eval: true,
    workerData: fd,
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  })
  thread.unref()
}
