/** A server process that ends with the process that started it, however that ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { ConfigError } from '@lovage/core'

/** The user that a server runs as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** Gives a user's account when this process is root's, which servers refuse or misuse; undefined otherwise. */
export function accountOf(name: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

export interface ServerPlan {
  readonly command: readonly string[]
  readonly account?: Account | undefined
  readonly folder: string
  readonly environment?: Readonly<Record<string, string>>
  /** Looks at everything that was written so far. */
  isReady(text: string): boolean
  /** The signal that ends it in order; all of its processes get it. */
  readonly stop: NodeJS.Signals
}

export interface GuardedServer {
  /** Resolves when the process is gone. */
  ended(): Promise<void>
  stop(): Promise<void>
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
}

/** The shell reads a pipe that ends with us, and then kills the server and removes its folder, unless it was told otherwise. */
const guard = `folder=$1; shift; "$@" 3<&- & server=$!
trap '' TERM INT
(read -r word <&3; [ "$word" = done ] || { kill -KILL $server; until rm -rf "$folder"; do sleep 0.1; done; }) >/dev/null 2>&1 &
wait $server`

const deadlineMs = 60_000

/**
 * Starts a server and resolves when it is ready.
 * @throws {ConfigError} UNSUPPORTED when it ends before that, with what it wrote
 */
export async function guardedServer({
  command,
  account,
  folder,
  environment,
  isReady,
  stop,
}: ServerPlan): Promise<GuardedServer> {
  const child = spawn('/bin/sh', ['-c', guard, 'sh', folder, ...command], {
    ...account,
    cwd: folder,
    // biome-ignore lint/style/noProcessEnv: the server sees what this process sees
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  let text = ''
  const [, out, errors, pipe] = child.stdio as unknown as readonly [null, Readable, Readable, Writable]
  // Whoever was killed together with the server reads no more.
  pipe.on('error', () => {})
  const ended = once(child, 'exit').then(() => void pipe.end('done\n'))
  const isGone = once(child, 'close')
  const isUp = new Promise<void>((resolve) => {
    const hear = (chunk: Buffer): void => {
      text += chunk.toString()
      if (isReady(text)) resolve()
    }
    out.on('data', hear)
    errors.on('data', hear)
  })
  const late = AbortSignal.timeout(deadlineMs)
  await Promise.race([isUp, ended, once(late, 'abort')])
  if (!isReady(text)) {
    pipe.destroy()
    throw new ConfigError('UNSUPPORTED', `expected ${command[0]} to start, got: ${text.trim()}`, { subject: command[0] ?? '' })
  }
  // What it writes later is of no interest, but a full pipe would stop it.
  out.removeAllListeners('data').resume()
  errors.removeAllListeners('data').resume()
  for (const part of [child, pipe, out, errors]) unref(part)
  const wait = (): Promise<void> => {
    child.ref()
    return ended
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), signal)
    await wait()
  }
  return {
    ended: wait,
    stop: () => end(stop),
    async kill() {
      for (const part of [out, errors]) ref(part)
      await end('SIGKILL')
      // The shell can be dead before the server: what it holds open tells when the server is, too.
      await isGone
    },
  }
}

function ref(part: unknown): void {
  ;(part as { ref?: () => void }).ref?.()
}

function unref(part: unknown): void {
  ;(part as { unref?: () => void }).unref?.()
}
