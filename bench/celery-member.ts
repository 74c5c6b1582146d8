/** What is measured of a member of a Celery cluster: how fast it sends, how fast its worker runs, how soon a task begins, and what it weighs. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { type Figures, type Job, percentiles } from './variant.ts'

/** Both kinds of tasks, `noop` and `mark`, go to the default queue. */
export interface CeleryMember {
  /** Sends no-ops and answers how many a second. */
  fill(count: number): Promise<number>
  /** Sends a task that tells this port when it began; answers the time before. Nanoseconds of the machine's own clock. */
  mark(port: number): Promise<bigint>
  startWorker(): Promise<MemberWorker>
}

export interface MemberWorker {
  /** Its main process. */
  readonly pid: number
  stop(): Promise<void>
}

/** Sent and drained before anything counts. */
const warmUp = 1000
/** Until an idle worker is one. */
const restMs = 2000
/** Between two tasks on an idle cluster. */
const pauseMs = 5

/** A rate of runs is that between two marked tasks around all others, so that no start of a worker is in it. */
export async function measure(member: CeleryMember, job: Job): Promise<Figures> {
  const marks = await Marks.listen()
  try {
    const idle = await member.startWorker()
    await rest(restMs)
    const megabytes = weight(idle.pid)
    await idle.stop()
    await member.fill(warmUp)
    await member.mark(marks.port)
    const sends = await member.fill(job.tasks)
    await member.mark(marks.port)
    const worker = await member.startWorker()
    const began = await marks.next()
    const ended = await marks.next()
    const drains = (job.tasks / Number(ended - began)) * 1e9
    await rest(restMs)
    const samples: number[] = []
    for (let i = 0; i < job.probes; i++) {
      const sent = await member.mark(marks.port)
      samples.push(Number((await marks.next()) - sent) / 1e6)
      await rest(pauseMs)
    }
    await worker.stop()
    const { p50, p99 } = percentiles(samples)
    return {
      'send/s': Math.round(sends),
      'drain/s': Math.round(drains),
      'start p50 ms': p50,
      'start p99 ms': p99,
      'idle worker MB': megabytes,
    }
  } finally {
    marks.close()
  }
}

/** A worker in a process of its own, which says over IPC when it is ready and ends when it is told to. */
export async function forkWorker(file: URL, words: readonly string[]): Promise<MemberWorker> {
  const child: ChildProcess = fork(file, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] })
  await once(child, 'message')
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.send('stop')
      await once(child, 'exit')
    },
  }
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Times that marked tasks tell, in the order in which they come. */
class Marks {
  readonly #server: Server
  readonly #told: bigint[] = []
  readonly #waiting: ((at: bigint) => void)[] = []

  private constructor(server: Server) {
    this.#server = server
  }

  static async listen(): Promise<Marks> {
    const server = createServer((socket) => {
      socket.setEncoding('utf8')
      let text = ''
      socket.on('data', (part) => {
        text += part
      })
      socket.on('end', () => marks.#tell(BigInt(text)))
    })
    const marks = new Marks(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return marks
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  next(): Promise<bigint> {
    const told = this.#told.shift()
    return told === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(told)
  }

  close(): void {
    this.#server.close()
  }

  #tell(at: bigint): void {
    const resolve = this.#waiting.shift()
    if (resolve === undefined) this.#told.push(at)
    else resolve(at)
  }
}

/** Megabytes: all of the main process, and what its children have for themselves. Linux only; elsewhere not a number. */
function weight(pid: number): number {
  try {
    const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    const own = children.map((child) => kilobytes(child, 'Private_Clean') + kilobytes(child, 'Private_Dirty'))
    return Math.round((kilobytes(String(pid), 'Rss') + own.reduce((sum, each) => sum + each, 0)) / 1024)
  } catch {
    return Number.NaN
  }
}

/** Undefined for a process that has just ended. */
function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

function kilobytes(pid: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])
}
