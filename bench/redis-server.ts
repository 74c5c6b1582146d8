/** A Redis of the benchmark's own: private port and directory, gone with the run. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createServer } from 'node:net'

export interface PrivateRedis {
  readonly port: number
  stop(): void
}

/** Starts redis-server; on Debian as root it is installed when missing. Undefined, with the reason told, where it cannot be had. */
export async function startRedis(directory: string, tell: (line: string) => void): Promise<PrivateRedis | undefined> {
  if (!present('redis-server') && !install(tell)) return undefined
  const port = await freePort()
  const server = spawn('redis-server', ['--port', String(port), '--dir', directory, '--save', '', '--appendonly', 'no'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await ready(server)
  return { port, stop: () => server.kill() }
}

function present(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function install(tell: (line: string) => void): boolean {
  if (process.getuid?.() === 0 && present('apt-get')) {
    tell('installing redis-server')
    try {
      execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore' })
      execFileSync('apt-get', ['install', '-y', '-q', 'redis-server'], { stdio: 'ignore' })
    } catch {
      tell('redis-server could not be installed: BullMQ is left out')
      return false
    }
  }
  if (present('redis-server')) return true
  tell('redis-server is not installed: BullMQ is left out')
  return false
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    server.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('Ready to accept connections')) resolve()
    })
    server.once('exit', (code) => reject(new TypeError(`redis-server ended with ${code}: ${text}`)))
  })
}
