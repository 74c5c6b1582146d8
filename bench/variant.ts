/** What one variant of a benchmark is: a system that can send, drain and start tasks, measured in a process of its own. */

/** Figures by name; rates are per second, latencies milliseconds, memory megabytes. */
export type Figures = Readonly<Record<string, number>>

export interface Job {
  /** An empty directory for this run alone. */
  readonly directory: string
  /** How many tasks to send and to drain. */
  readonly tasks: number
  /** How many callers send at once, each awaiting its own. */
  readonly callers: number
  /** How many tasks to time one by one on an idle queue. */
  readonly probes: number
  /** Settings from the command line of the run, for example the port of a server. */
  readonly settings: Readonly<Record<string, string>>
}

/** Measures and answers; leaves nothing behind but files in its directory. */
export type Variant = (job: Job) => Promise<Figures>

/** Sends `tasks` tasks from `callers` callers that each await their own, and gives the rate. */
export async function sendRate(job: Job, send: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const started = performance.now()
  await Promise.all(
    Array.from({ length: job.callers }, async () => {
      while (next < job.tasks) await send(next++)
    }),
  )
  return perSecond(job.tasks, started)
}

/** The rate since a time of `performance.now()`. */
export function perSecond(count: number, started: number): number {
  return Math.round((count / (performance.now() - started)) * 1000)
}

/** Microseconds of the processor that this process took for each, since `began`. */
export function cpuPerTask(began: NodeJS.CpuUsage, count: number): number {
  const { user, system } = process.cpuUsage(began)
  return Number(((user + system) / count).toFixed(1))
}

/** Median and 99th percentile of sorted or unsorted samples. */
export function percentiles(samples: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (share: number): number =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(3))
  return { p50: at(0.5), p99: at(0.99) }
}

/** Times `probes` tasks on an idle queue, one after the other: from before the send to the start of the handler. */
export async function startLatency(
  job: Job,
  send: (index: number) => Promise<unknown>,
  onStart: (listener: () => void) => void,
): Promise<{ readonly p50: number; readonly p99: number }> {
  const samples: number[] = []
  for (let i = 0; i < job.probes; i++) {
    const began = performance.now()
    const started = new Promise<void>((resolve) =>
      onStart(() => {
        samples.push(performance.now() - began)
        resolve()
      }),
    )
    await Promise.all([send(i), started])
    // Lets the task's end be written, so that the next probe meets an idle queue.
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  return percentiles(samples)
}
