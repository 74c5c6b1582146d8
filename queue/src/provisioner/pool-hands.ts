/** Launches and stops the workers of one pool, and keeps what became of those that this process launched. */
import { type Launcher, type Logger, type PoolWorker, type ProvidedPool, poolWorkerName } from '@lovage/core'
import type { PoolPlan } from './plan-pool.ts'

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

  /** A copy: what ends while somebody looks is there at the next look. */
  get exits(): ReadonlyMap<string, string> {
    return new Map(this.#exits)
  }

  /** These exits were written. */
  settle(exits: ReadonlyMap<string, string>): void {
    for (const id of exits.keys()) this.#exits.delete(id)
  }

  /** The workers that this process has launched and that have not ended. */
  async launched(): Promise<ReadonlySet<string>> {
    return new Set([...(await this.#ties.launcher.list()), ...this.#launching])
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
    launcher.launch(request).then(
      () => {
        this.#launching.delete(workerId)
        changed()
      },
      (error: unknown) => {
        this.#launching.delete(workerId)
        this.exited(workerId, `it could not be launched: ${error instanceof Error ? error.message : String(error)}`)
      },
    )
  }

  /** Each worker is told the same thing once. */
  #nudge(worker: PoolWorker, how: PoolPlan['nudges'][number]['how']): void {
    const { workerId } = worker
    if (this.#nudged.get(workerId) === how) return
    this.#nudged.set(workerId, how)
    const { launcher, logger } = this.#ties
    if (how === 'kill' && worker.state !== 'stopping') this.#verdicts.set(workerId, 'it took no tasks, and was killed')
    const done = how === 'kill' ? launcher.kill(workerId) : launcher.stop(workerId, how)
    done.catch((error: unknown) => {
      this.#nudged.delete(workerId)
      logger.error({ error, worker: poolWorkerName(worker) }, 'a worker could not be told to stop')
    })
  }
}
