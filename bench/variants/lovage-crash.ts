/** From the end of a worker to the start of its task on another: killed with -9, frozen, or behind a network that swallows everything. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { hrtime } from 'node:process'
import { fileURLToPath } from 'node:url'
import { connect } from 'lovage'
import { type Figures, type Job, percentiles, type Variant } from '../variant.ts'

const kills = 20

interface Place {
  readonly url: string
  readonly signal?: string | undefined
}

export const run: Variant = async (job) => {
  const { postgres, rabbitmq } = job.settings
  const place = { url: postgres ?? `sqlite:${join(job.directory, 'crash.db')}`, signal: rabbitmq }
  const broker = await connect(place.url, { signal: place.signal })
  const fleet = new Fleet(place)
  try {
    await fleet.hire()
    await broker.send('hold', null, { lostLimit: 1000 } as never)
    await fleet.started()
    const killed: number[] = []
    for (let i = 0; i < kills; i++) killed.push(await fleet.lose('SIGKILL'))
    const { p50 } = percentiles(killed)
    const figures: Figures = { 'killed p50 ms': p50, 'killed max ms': Math.max(...killed) }
    if (postgres === undefined) return figures
    const frozen = { ...figures, 'frozen s': seconds(await fleet.lose('SIGSTOP')) }
    return { ...frozen, ...(await vanished(job, fleet)) }
  } finally {
    fleet.dismiss()
    await broker.close()
  }
}

const seconds = (ms: number): number => Number((ms / 1000).toFixed(1))

/** Workers in processes of their own, of which one holds the task. */
class Fleet {
  readonly #place: Place
  readonly #workers = new Set<ChildProcess>()
  #holder: ChildProcess | undefined
  #startedAt = 0n
  #onStart: () => void = () => {}

  constructor(place: Place) {
    this.#place = place
  }

  /** @param prefix a command that runs the worker, for example in another network */
  async hire(prefix: readonly string[] = [], { url, signal = '' } = this.#place): Promise<ChildProcess> {
    const file = fileURLToPath(new URL('../crash-worker.ts', import.meta.url))
    const [command = '', ...words] = [...prefix, process.execPath, file, url, signal]
    const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#workers.add(child)
    child.once('exit', () => this.#workers.delete(child))
    await once(child, 'message')
    child.on('message', (at) => {
      this.#holder = child
      this.#startedAt = BigInt(String(at))
      this.#onStart()
    })
    return child
  }

  /** Resolves when the task starts the next time. */
  started(): Promise<void> {
    return new Promise((resolve) => {
      this.#onStart = resolve
    })
  }

  /** Ends the worker that has the task while another waits, and answers after how many milliseconds the task starts there. */
  async lose(how: 'SIGKILL' | 'SIGSTOP' | (() => void)): Promise<number> {
    const holder = this.#holder
    if (this.#workers.size < 2) await this.hire()
    await calm()
    const started = this.started()
    const at = hrtime.bigint()
    if (typeof how === 'string') holder?.kill(how)
    else how()
    await started
    holder?.kill('SIGKILL')
    return Number((this.#startedAt - at) / 1000n) / 1000
  }

  dismiss(): void {
    for (const worker of this.#workers) worker.kill('SIGKILL')
  }
}

/** Until nothing but waiting is under way. */
function calm(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300))
}

/** A worker in a network of its own, of which the cable is cut. Only as root on Linux; without figures elsewhere. */
async function vanished(job: Job, fleet: Fleet): Promise<Figures> {
  const name = `lovage${process.pid}`
  const { network = '', networkSignal } = job.settings
  const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'ignore' })
  try {
    ip('netns', 'add', name)
  } catch {
    return {}
  }
  try {
    ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', 'far', 'netns', name)
    ip('addr', 'add', `${new URL(network).hostname}/30`, 'dev', `${name}a`)
    ip('link', 'set', `${name}a`, 'up')
    ip('netns', 'exec', name, 'ip', 'addr', 'add', '10.213.7.2/30', 'dev', 'far')
    ip('netns', 'exec', name, 'ip', 'link', 'set', 'far', 'up')
    const far = await fleet.hire(['ip', 'netns', 'exec', name], { url: network, signal: networkSignal })
    // The task goes to the far worker when the near one that has it is killed.
    await fleet.lose('SIGKILL')
    const cut = await fleet.lose(() => ip('link', 'set', `${name}a`, 'down'))
    far.kill('SIGKILL')
    return { 'vanished s': seconds(cut) }
  } finally {
    ip('netns', 'del', name)
  }
}
