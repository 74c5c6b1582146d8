/** The launcher of worker processes on this machine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Launcher, LaunchRequest, WorkerExit } from '@lovage/core'

/** How long a process that has exited may keep its output open: its last words say why. */
const lastWordsMs = 500

/** What is run for a worker. */
export interface WorkerCommand {
  /** After the path of Node. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface LocalLauncherOptions {
  readonly group: string
  command(request: LaunchRequest): WorkerCommand
  /** A line that a worker wrote. */
  output(worker: string, stream: 'stdout' | 'stderr', line: string): void
}

/**
 * Makes the launcher. Its processes are in groups of their own, so that Ctrl-C reaches them through the provisioner alone. Each
 * has a channel to this process, and ends when that closes: after kill -9 of this process, too.
 */
export function localLauncher(options: LocalLauncherOptions): Launcher {
  const running = new Map<string, ChildProcess>()
  const listeners = new Set<(exit: WorkerExit) => void>()
  const signal = async (workerId: string, name: NodeJS.Signals): Promise<void> => {
    running.get(workerId)?.kill(name)
  }
  return {
    group: options.group,
    async launch(request) {
      const child = start(options.command(request))
      await spawned(child)
      running.set(request.workerId, child)
      const said = lastLine(child, request.worker, options.output)
      child.once('exit', (code, name) => {
        void exitReason(child, code, name, said).then((reason) => {
          running.delete(request.workerId)
          for (const listener of listeners) listener({ workerId: request.workerId, reason })
        })
      })
    },
    stop: (workerId, how) => signal(workerId, how === 'warm' ? 'SIGTERM' : 'SIGQUIT'),
    kill: (workerId) => signal(workerId, 'SIGKILL'),
    list: async () => [...running.keys()],
    onExit(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function start({ args, cwd, environment }: WorkerCommand): ChildProcess {
  const child = spawn(process.execPath, args, {
    cwd,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  child.channel?.unref()
  return child
}

/** One that could not be started has no output to listen to, for want of file descriptors. */
function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    // Later ones are about signals to a process that is going: its exit tells.
    child.on('error', reject)
  })
}

/** Hands lines on, and keeps the last one of stderr. */
function lastLine(child: ChildProcess, worker: string, output: LocalLauncherOptions['output']): { text: string } {
  const said = { text: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream] as Readable }).on('line', (line) => {
      if (stream === 'stderr' && line.trim() !== '') said.text = line.replace(/^lovage: /, '').slice(0, 500)
      output(worker, stream, line)
    })
  }
  return said
}

/** A killed process is told of at once; one that ended by itself has said why. */
async function exitReason(
  child: ChildProcess,
  code: number | null,
  name: NodeJS.Signals | null,
  said: { readonly text: string },
): Promise<string> {
  if (name !== null) return `killed by ${name}`
  if (code !== 0) await closed(child)
  return `exit code ${code}${code !== 0 && said.text !== '' ? `: ${said.text}` : ''}`
}

function closed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const enough = setTimeout(resolve, lastWordsMs)
    child.once('close', () => {
      clearTimeout(enough)
      resolve()
    })
  })
}
