/** Launches and stops the workers of one pool, and keeps what became of those that this process launched. */
import { type Launcher, type Logger, type PoolWorker, type ProvidedPool, poolWorkerName } from '@lovage/core'
import type { PoolPlan } from './plan-pool.ts'

/** What this process knows of the workers that it launched. */
export interface Inventory {
  /** Those that have not ended, or whose end is not told yet. */
  readonly launched: ReadonlySet<string>
  /** Of what workers ended, by id. */
  readonly exits: ReadonlyMap<string, string>
}

/** What the hands stand on. */
export interface HandsTies {
  readonly launcher: Launcher
  readonly provided: ProvidedPool
  readonly logger: Logger
  /** Called when a launch or an exit is to be looked at. */
  changed(): void
}

export class PoolHands {
  readonly #ties: HandsTies
  /** Of what workers ended, until that is written. */
  readonly #exits = new Map<string, string>()
  /** Launched, but not in the launcher's hands yet. */
  readonly #launching = new Set<string>()
  /** The last nudge that each worker was given. */
  readonly #nudged = new Map<string, string>()
  /** Why workers were killed: what they exit of says less. */
  readonly #verdicts = new Map<string, string>()

  constructor(ties: HandsTies) {
    this.#ties = ties
  }

  /** A copy of one moment: what ends while somebody looks is there at the next look, and said of what. */
  async inventory(): Promise<Inventory> {
    // A launch that ends while the list is made is in neither.
    const launching = [...this.#launching]
    const listed = await this.#ties.launcher.list()
    const exits = new Map(this.#exits)
    return { launched: new Set([...listed, ...launching, ...this.#launching].filter((id) => !exits.has(id))), exits }
  }

  /** Whether a launch is under way. */
  get isLaunching(): boolean {
    return this.#launching.size > 0
  }

  /** These exits were written. */
  settle(exits: ReadonlyMap<string, string>): void {
    for (const id of exits.keys()) this.#exits.delete(id)
  }

  exited(workerId: string, reason: string): void {
    this.#exits.set(workerId, this.#verdicts.get(workerId) ?? reason)
    this.#verdicts.delete(workerId)
    this.#nudged.delete(workerId)
    this.#ties.changed()
  }

  /** Does what was decided, once that is written. */
  act({ launches, nudges }: Pick<PoolPlan, 'launches' | 'nudges'>): void {
    for (const worker of launches) this.#launch(worker)
    for (const { worker, how } of nudges) this.#nudge(worker, how)
  }

  #launch(worker: PoolWorker): void {
    const { workerPoolId, workerId } = worker
    const { launcher, provided, changed } = this.#ties
    this.#launching.add(workerId)
    const request = { workerPoolId, workerId, worker: poolWorkerName(worker), launchConfig: provided.launchConfig }
    const started = async () => launcher.launch(request)
    started().then(
      () => {
        // What it was told before there was a process was told to nobody; where it was given up, to end.
        if (this.#launching.delete(workerId)) this.#nudged.delete(workerId)
        else this.#tell(worker, 'kill')
        changed()
      },
      (error: unknown) => {
        if (!this.#launching.delete(workerId)) return
        this.exited(workerId, `it could not be launched: ${error instanceof Error ? error.message : String(error)}`)
      },
    )
  }

  /** Each worker is told the same thing once. */
  #nudge(worker: PoolWorker, how: PoolPlan['nudges'][number]['how']): void {
    const { workerId } = worker
    if (this.#nudged.get(workerId) === how) return
    this.#nudged.set(workerId, how)
    if (how === 'kill') {
      const isAsked = worker.state === 'stopping'
      const what = isAsked ? 'a worker that was told to stop did not, and is killed' : 'a worker that takes no tasks is killed'
      this.#ties.logger.warn({ worker: poolWorkerName(worker) }, what)
      if (!isAsked) this.#verdicts.set(workerId, 'it took no tasks, and was killed')
    }
    this.#tell(worker, how)
    if (how === 'kill') this.#giveUp(workerId)
  }

  /** A launch that never ends holds no place for ever. */
  #giveUp(workerId: string): void {
    if (!this.#launching.delete(workerId)) return
    this.#verdicts.delete(workerId)
    this.exited(workerId, 'its launch did not end')
  }

  #tell(worker: PoolWorker, how: PoolPlan['nudges'][number]['how']): void {
    const { workerId } = worker
    const { launcher, logger } = this.#ties
    const told = async () => (how === 'kill' ? launcher.kill(workerId) : launcher.stop(workerId, how))
    told().catch((error: unknown) => {
      this.#nudged.delete(workerId)
      logger.error({ error, worker: poolWorkerName(worker) }, 'a worker could not be told to stop')
    })
  }
}
