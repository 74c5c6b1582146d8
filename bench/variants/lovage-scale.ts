/** Lovage where it grows: a million pending tasks, a worker process with many to take, an idle one, and the way between processes. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { hrtime } from 'node:process'
import { fileURLToPath } from 'node:url'
import { connect, openBackend } from 'lovage'
import { type Figures, type Job, percentiles, type Variant } from '../variant.ts'

const batch = 1000
const idleMs = 10_000

interface Facts {
  readonly count: number
  readonly cpuMs: number
  readonly peakMb: number
}

export const run: Variant = async (job) => ({ ...(await depth(job)), ...(await processes(job)) })

/** How much longer a claim of 100 takes when a million tasks wait than when a thousand do. */
async function depth(job: Job): Promise<Figures> {
  const { store, close } = await openBackend(`sqlite:${join(job.directory, 'depth.db')}`)
  let sent = 0
  const fill = async (until: number): Promise<void> => {
    for (; sent < until; sent += batch) {
      const createdAt = Date.now()
      await store.insert(
        Array.from({ length: batch }, (_, i) => ({
          id: `t${sent + i}`,
          name: 'noop',
          queue: 'default',
          priority: 1 + (i % 7),
          input: '{}',
          extras: undefined,
          retryLimit: undefined,
          lostLimit: 5,
          dueAt: undefined,
          deadline: undefined,
          key: undefined,
          keyUntil: undefined,
          createdAt,
        })),
      )
    }
  }
  const claims = async (): Promise<number> => {
    const samples: number[] = []
    for (let i = 0; i < 50; i++) {
      const now = Date.now()
      const began = performance.now()
      const { tasks } = await store.claim({
        queues: ['default'],
        names: ['noop'],
        holder: 'h',
        worker: 'w',
        limit: 100,
        now,
        until: now + 60_000,
      })
      samples.push(performance.now() - began)
      await store.update(
        tasks.map((task) => ({ id: task.id, from: 'running', run: task.run, patch: { state: 'pending', dueAt: null } })),
      )
    }
    return percentiles(samples).p50
  }
  await fill(1000)
  await claims()
  const fresh = await claims()
  await fill(1_000_000)
  const deep = await claims()
  await close()
  return { 'claim of 100 at 1k, ms': fresh, 'at 1M, ms': deep, slowdown: Number((deep / fresh).toFixed(2)) }
}

async function processes(job: Job): Promise<Figures> {
  const file = join(job.directory, 'processes.db')
  const broker = await connect(`sqlite:${file}`)
  for (let i = 0; i < 100; i++) await broker.sendMany(Array.from({ length: batch }, () => ({ task: 'noop', input: {} })))
  const child = fork(fileURLToPath(new URL('../worker-process.ts', import.meta.url)), [`sqlite:${file}`])
  await once(child, 'message')
  let facts = await ask(child)
  while (facts.count < 100 * batch) facts = await ask(child)
  const peakMb = Math.round((await ask(child)).peakMb)
  const samples: number[] = []
  for (let i = 0; i < job.probes; i++) {
    const began = hrtime.bigint()
    const started = BigInt(String(await (await broker.send('probe')).result()))
    samples.push(Number(started - began) / 1e6)
  }
  const before = await ask(child)
  await new Promise((resolve) => setTimeout(resolve, idleMs))
  const idle = ((await ask(child)).cpuMs - before.cpuMs) / idleMs
  child.send('stop')
  await once(child, 'exit')
  await broker.close()
  const { p50, p99 } = percentiles(samples)
  return {
    'worker peak MB at 100k': peakMb,
    'other process p50 ms': p50,
    'p99 ms': p99,
    'idle % of a core': Number((idle * 100).toFixed(2)),
  }
}

async function ask(child: ChildProcess): Promise<Facts> {
  child.send('facts')
  const [facts] = (await once(child, 'message')) as [Facts]
  return facts
}
