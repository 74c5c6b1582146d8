/** The provisioner of a process: one keeper for each pool, and what wakes them all. */
import {
  type CancelTimer,
  ConfigError,
  type ControlBus,
  type Hold,
  type Launcher,
  type ProvidedPool,
  type Provisioner,
  type ProvisionOptions,
  type WorkerPools,
} from '@lovage/core'
import { poolsChannel, workersChannel } from '../channels.ts'
import type { Engine } from '../engine.ts'
import type { WorkerRegistry } from '../worker-registry.ts'
import { workerIdOf } from './plan-pool.ts'
import { PoolKeeper } from './pool-keeper.ts'

/** So long workers that are to stop wait for their records to say so, in milliseconds: a store may take half a minute to fail. */
const notedMs = 2000

/** Parts of the queue that a provisioner uses. */
export interface ProvisionerTies {
  readonly registry: WorkerRegistry
  readonly control: Pick<ControlBus, 'request'>
  readonly report: WorkerPools['report']
}

/**
 * Nobody leads: each decision about a pool is one write that counts only if nobody has decided since, so any number of processes
 * may provision the same pool. What a process launches ends with it; the others see its switch let go, and go on.
 */
export class QueueProvisioner implements Provisioner {
  readonly #engine: Engine
  readonly #launcher: Launcher
  readonly #hold: Hold
  readonly #keepers: readonly PoolKeeper[]
  readonly #ends: (() => void)[] = []
  #cancelCheck: CancelTimer | undefined
  #closing: Promise<void> | undefined
  #empty: () => void = () => {}
  #isCold = false

  private constructor(engine: Engine, ties: ProvisionerTies, options: ProvisionOptions, hold: Hold) {
    const { launcher, providerId, pools } = options
    this.#engine = engine
    this.#launcher = launcher
    this.#hold = hold
    const keeperTies = { ...ties, launcher, providerId, holder: hold.id, changed: () => void this.#noticeEmpty() }
    this.#keepers = pools.map((pool) => new PoolKeeper(engine, keeperTies, pool))
  }

  /** @throws {ConfigError} OPTION_INVALID */
  static async open(engine: Engine, ties: ProvisionerTies, options: ProvisionOptions): Promise<QueueProvisioner> {
    checkPools(options.pools)
    const hold = (await engine.liveness?.hold(`provisioner@${options.launcher.group}`)) ?? {
      id: engine.newId(),
      release: async () => {},
    }
    const provisioner = new QueueProvisioner(engine, ties, options, hold)
    await provisioner.#open()
    return provisioner
  }

  async close({ cold = false }: { readonly cold?: boolean | undefined } = {}): Promise<void> {
    if (cold && !this.#isCold) {
      this.#isCold = true
      if (this.#closing !== undefined) await this.#tellAll('cold')
    }
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Looks after nothing any more, and waits for nobody: what was launched ends with the process. */
  async abandon(): Promise<void> {
    this.#cancelCheck?.()
    for (const end of this.#ends.splice(0)) end()
    await Promise.all(this.#keepers.map((keeper) => keeper.close()))
  }

  async #open(): Promise<void> {
    const { signal, liveness } = this.#engine
    this.#ends.push(
      this.#launcher.onExit(({ workerId, reason }) => {
        for (const keeper of this.#keepers) keeper.exited(workerId, reason)
      }),
    )
    for (const channel of [poolsChannel, workersChannel]) this.#ends.push(await signal.subscribe(channel, () => this.#wake()))
    if (liveness !== undefined) this.#ends.push(await liveness.watch(() => this.#wake()))
    const endBack = signal.onBack?.(() => {
      for (const keeper of this.#keepers) keeper.cutOff()
      this.#wake()
    })
    if (endBack !== undefined) this.#ends.push(endBack)
    this.#checkLater()
    await Promise.all(this.#keepers.map((keeper) => keeper.open()))
  }

  #wake(): void {
    for (const keeper of this.#keepers) void keeper.wake()
  }

  /** The slow check that makes up for lost signals. */
  #checkLater(): void {
    const { clock, settings } = this.#engine
    this.#cancelCheck = clock.at(clock.now() + settings.safetyMs, () => {
      this.#wake()
      void this.#noticeEmpty()
      this.#checkLater()
    })
  }

  async #close(): Promise<void> {
    const letGo = this.#engine.keepAlive.hold()
    const { logger } = this.#engine
    try {
      const empty = new Promise<void>((resolve) => {
        this.#empty = resolve
      })
      await this.#noteStop()
      await this.#tellAll(this.#isCold ? 'cold' : 'warm')
      await this.#noticeEmpty()
      await empty
      await Promise.all(this.#keepers.map((keeper) => keeper.wake()))
      await this.abandon()
      await this.#hold.release()
    } catch (error) {
      logger.error({ error }, 'the provisioner could not close in order; its workers end with this process')
    } finally {
      letGo()
    }
  }

  /** Their records say so first, where the store answers, so that nobody takes those that go for crashed. */
  async #noteStop(): Promise<void> {
    const { clock } = this.#engine
    let cancel: CancelTimer = () => {}
    const enough = new Promise<void>((resolve) => {
      cancel = clock.at(clock.now() + notedMs, resolve)
    })
    await Promise.race([Promise.all(this.#keepers.map((keeper) => keeper.stop())), enough])
    cancel()
  }

  /** Workers are told by the launcher itself, whether or not the store can be reached. */
  async #tellAll(how: 'warm' | 'cold'): Promise<void> {
    const ids = await this.#launcher.list()
    await Promise.all(ids.map((id) => this.#launcher.stop(id, how)))
  }

  /** Of a launcher that does not answer it is asked again, with the next exit or the next slow check. */
  async #noticeEmpty(): Promise<void> {
    if (this.#closing === undefined || this.#keepers.some(({ isLaunching }) => isLaunching)) return
    const left = await this.#launcher.list().catch(() => undefined)
    if (left?.length === 0) this.#empty()
  }
}

/** Names of workers are made of those of their pools, and tell one worker from another. */
function checkPools(pools: readonly ProvidedPool[]): void {
  const owners = new Map<string, string>()
  for (const { workerPoolId, capacity } of pools) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      const message = `expected the capacity of a worker of pool ${workerPoolId} to be a positive whole number, got: ${capacity}`
      throw new ConfigError('OPTION_INVALID', message)
    }
    const prefix = workerIdOf(workerPoolId, 0)
    const owner = owners.get(prefix)
    if (owner !== undefined) {
      const message = `expected pools whose names differ in their first 24 letters and digits, got: ${owner} and ${workerPoolId}`
      throw new ConfigError('OPTION_INVALID', message)
    }
    owners.set(prefix, workerPoolId)
  }
}
