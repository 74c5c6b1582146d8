/** The queue as a Broker: the parts put together over Store, Signal and Liveness. */
import { hostname } from 'node:os'
import {
  type Broker,
  type Clock,
  ConfigError,
  type ConsumeOptions,
  type Consumer,
  type ConsumerListener,
  type Cron,
  checkOptionNames,
  type Duration,
  durationMs,
  type Liveness,
  type Logger,
  type OptionNames,
  type Random,
  type SendReceipt,
  type Signal,
  type Store,
  StoreError,
  silentLogger,
  type TaskBus,
  type TaskMessage,
} from '@lovage/core'
import { v7 } from 'uuid'
import { Announcer } from './announcer.ts'
import { applyToTasks } from './canceller.ts'
import { checkTransactions } from './complete-within.ts'
import { QueueConsumer } from './consumer.ts'
import { SignalControlBus } from './control-bus.ts'
import { cronerCron } from './croner-cron.ts'
import { QueueDesk } from './desk.ts'
import type { Engine, QueueSettings } from './engine.ts'
import { SignalEventBus } from './event-bus.ts'
import { KeepAlive } from './keep-alive.ts'
import { Maintenance } from './maintenance.ts'
import { QueueAdmin } from './queue-admin.ts'
import { QueueSchedules } from './queue-schedules.ts'
import { QueueResults } from './results.ts'
import { Sender } from './sender.ts'
import { systemClock } from './system-clock.ts'
import { WorkerRegistry } from './worker-registry.ts'

/** How long what is over is kept. */
export interface RetentionOptions {
  /** Default 7 days. */
  readonly completed?: Duration | undefined
  /** Default 30 days. */
  readonly failed?: Duration | undefined
  /** Default 30 days. */
  readonly exception?: Duration | undefined
  /** Results of completed tasks. Default: as long as the tasks. */
  readonly result?: Duration | undefined
}

export interface QueueBrokerOptions {
  readonly store: Store
  readonly signal: Signal
  /** Without it a crash is noticed when the lease ends. */
  readonly liveness?: Liveness | undefined
  /** How long a run belongs to its worker without a renewal. Default 30 s, at least 1 s. */
  readonly lease?: Duration | undefined
  /** The most characters of one payload as JSON. Default 4 Mi (4,194,304). */
  readonly maxPayload?: number | undefined
  readonly retention?: RetentionOptions | undefined
  /** Who maintains: a process that consumes (default), or this one in any case (a server). */
  readonly maintain?: 'consumers' | 'always' | undefined
  readonly clock?: Clock | undefined
  readonly logger?: Logger | undefined
  readonly cron?: Cron | undefined
  readonly random?: Random | undefined
  /** Ids for tickets and holders. Default UUIDv7. */
  readonly newId?: (() => string) | undefined
  /** Called last by the broker's `close`, to close what the options brought: a backend is given as it is. */
  readonly close?: (() => Promise<void>) | undefined
}

const optionNames: OptionNames<QueueBrokerOptions> = {
  store: true,
  signal: true,
  liveness: true,
  lease: true,
  maxPayload: true,
  retention: true,
  maintain: true,
  clock: true,
  logger: true,
  cron: true,
  random: true,
  newId: true,
  close: true,
}
const retentionNames: OptionNames<RetentionOptions> = { completed: true, failed: true, exception: true, result: true }

const day = 86_400_000
const safetyMs = 30_000

/**
 * Makes Lovage's own durable queue.
 * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID
 * @throws {StoreError} STORE_UNAVAILABLE when maintenance was asked for and the store does not answer
 */
export async function createQueueBroker(options: QueueBrokerOptions): Promise<Broker> {
  checkOptionNames(options, optionNames, 'createQueueBroker')
  const engine = engineFor(options)
  const broker = new QueueBroker(engine, async () => options.close?.())
  if (options.maintain === 'always') await broker.maintain()
  return broker
}

function engineFor(options: QueueBrokerOptions): Engine {
  const { store, signal, liveness, clock = systemClock, logger = silentLogger, cron = cronerCron() } = options
  const { random = Math.random, newId = v7 } = options
  return {
    store,
    signal,
    liveness,
    clock,
    logger,
    cron,
    random,
    newId,
    announcer: new Announcer(signal),
    keepAlive: new KeepAlive(),
    settings: settingsFor(options),
  }
}

function settingsFor({ lease = 30_000, maxPayload = 4 * 1024 * 1024, retention = {} }: QueueBrokerOptions): QueueSettings {
  const leaseMs = durationMs(lease, 'lease')
  if (leaseMs < 1000) throw new ConfigError('OPTION_INVALID', `expected \`lease\` to be at least 1s, got: ${leaseMs}ms`)
  if (!Number.isInteger(maxPayload) || maxPayload < 1) {
    throw new ConfigError(
      'OPTION_INVALID',
      `expected \`maxPayload\` to be a positive whole number of characters, got: ${maxPayload}`,
    )
  }
  checkOptionNames(retention, retentionNames, '`retention`')
  const completedMs = durationMs(retention.completed ?? 7 * day, 'retention.completed')
  return {
    leaseMs,
    safetyMs,
    maxPayload,
    retention: {
      completedMs,
      failedMs: durationMs(retention.failed ?? 30 * day, 'retention.failed'),
      exceptionMs: durationMs(retention.exception ?? 30 * day, 'retention.exception'),
      resultMs: durationMs(retention.result ?? completedMs, 'retention.result'),
    },
  }
}

class QueueBroker implements Broker, TaskBus {
  readonly name = 'queue'
  readonly tasks: TaskBus = this
  readonly control: SignalControlBus
  readonly events: SignalEventBus
  readonly results: QueueResults
  readonly admin: QueueAdmin
  readonly desk: QueueDesk
  readonly #engine: Engine
  readonly #registry: WorkerRegistry
  readonly #sender: Sender
  readonly #maintenance: Maintenance
  readonly #consumers = new Set<QueueConsumer>()
  readonly #closeRest: () => Promise<void>
  #cancelCheck: () => void = () => {}
  #endBack: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(engine: Engine, closeRest: () => Promise<void>) {
    this.#engine = engine
    this.#closeRest = closeRest
    this.#registry = new WorkerRegistry(engine, { host: hostname(), pid: process.pid })
    this.#sender = new Sender(engine)
    const schedules = new QueueSchedules(engine)
    this.#maintenance = new Maintenance(engine, schedules, this.#registry, this.#consumers)
    this.control = new SignalControlBus(engine, this.#registry)
    this.events = new SignalEventBus(engine)
    this.results = new QueueResults(engine)
    this.admin = new QueueAdmin(engine, this.#registry, schedules, this.control)
    this.desk = new QueueDesk(engine, this.#sender, this.#registry, () => this.maintain())
    this.#endBack = engine.signal.onBack?.(() => this.#check())
    this.#checkLater()
  }

  maintain(): Promise<void> {
    return this.#maintenance.start()
  }

  send(messages: readonly TaskMessage[]): Promise<readonly SendReceipt[]> {
    return this.#sender.send(messages)
  }

  within(transaction: object): Pick<TaskBus, 'send'> {
    checkTransactions(this.#engine)
    return { send: (messages) => this.#sender.sendWithin(messages, transaction) }
  }

  async consume(options: ConsumeOptions, listener: ConsumerListener): Promise<Consumer> {
    if (this.#closing !== undefined) throw closed()
    await this.maintain()
    const { liveness, newId } = this.#engine
    const hold = (await liveness?.hold(options.worker)) ?? { id: newId(), release: async () => {} }
    const ties = { registry: this.#registry, hold, closing: () => this.#consumers.delete(consumer) }
    const consumer: QueueConsumer = new QueueConsumer(this.#engine, ties, options, listener)
    this.#consumers.add(consumer)
    try {
      if (this.#closing !== undefined) throw closed()
      await consumer.open()
      if (this.#closing !== undefined) throw closed()
    } catch (error) {
      await consumer.close().catch((late: unknown) => this.#engine.logger.warn({ err: late }, 'a consumer that failed to open'))
      throw error
    }
    return consumer
  }

  cancel(ids: readonly string[], reason?: string): Promise<readonly boolean[]> {
    return applyToTasks(this.#engine, ids, { type: 'cancelled', message: reason })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** One slow check, in case a signal was lost. */
  #checkLater(): void {
    const { clock, settings } = this.#engine
    this.#cancelCheck = clock.at(clock.now() + settings.safetyMs, () => {
      this.#check()
      this.#checkLater()
    })
  }

  /** All parts look for what they may not have been told. */
  #check(): void {
    for (const consumer of this.#consumers) consumer.check()
    this.results.check()
    this.desk.check()
    this.#maintenance.check()
  }

  /** Every step is done, whatever the others say; the first failure is thrown at the end. */
  async #close(): Promise<void> {
    const letGo = this.#engine.keepAlive.hold()
    this.#cancelCheck()
    this.#endBack?.()
    const failures: unknown[] = []
    const attempt = async (step: () => unknown): Promise<void> => {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    await attempt(() => this.admin.pools.close())
    await Promise.all([...this.#consumers].map((consumer) => attempt(() => consumer.close())))
    await attempt(() => this.desk.close())
    await attempt(() => this.#sender.close())
    await attempt(() => this.#maintenance.close())
    await attempt(() => this.events.close(closed()))
    await attempt(() => this.control.close(closed()))
    await attempt(() => this.results.close(closed()))
    await attempt(this.#closeRest)
    letGo()
    if (failures.length > 0) throw failures[0]
  }
}

function closed(): StoreError {
  return new StoreError('STORE_CLOSED', 'expected an open broker, got one that was closed; connect again')
}
