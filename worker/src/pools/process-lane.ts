/** A child that is a process of its own. */
import { type ChildProcess, fork } from 'node:child_process'
import { inheritedArguments } from './inherited-arguments.ts'
import { childEntry, type Death, type Lane, type LaneListener } from './lane.ts'

/** What processes take beside what every child takes. */
export interface ProcessLaneOptions {
  /** Options of Node for the processes, for example `--max-old-space-size=200`. Default: those of this process. */
  readonly execArgv?: readonly string[] | undefined
}

/** Starts a process. */
export function processLane(listener: LaneListener, options: ProcessLaneOptions): Lane {
  const child = fork(childEntry('process-child'), {
    execArgv: [...(options.execArgv ?? inheritedArguments(process.execArgv))],
    serialization: 'advanced',
    // The last one is the leash: its other end closes when this process dies, however it dies.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
  })
  child.on('error', (error) => {
    if (child.pid === undefined) listener.exit({ got: error.message })
  })
  child.on('message', (data) => listener.message(data))
  child.on('exit', (code, signal) => listener.exit(deathOf(code, signal)))
  leashOf(child)?.on('error', () => {})
  return {
    id: child.pid,
    post: (text) => {
      if (child.connected) child.send(text, () => {})
    },
    kill: () => void child.kill('SIGKILL'),
  }
}

/** Where a process has no file descriptor left for another process, Node makes no `stdio` at all, whatever its types say. */
function leashOf({ stdio }: { readonly stdio?: ChildProcess['stdio'] }): ChildProcess['stdio'][4] {
  return stdio?.[4]
}

function deathOf(code: number | null, signal: string | null): Death {
  if (signal === null) return { got: `exit code ${code}` }
  const memory = signal === 'SIGABRT' || signal === 'SIGKILL' ? ' (often for want of memory)' : ''
  return { got: `signal ${signal}${memory}`, code: signal }
}
