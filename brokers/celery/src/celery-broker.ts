/** The Celery broker: a full member of a Celery cluster, made of a transport, a place for results, and Celery's settings. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type Broker, StoreError, silentLogger, type WorkerDefaults, type WorkerEvent } from '@lovage/core'
import { type CeleryBrokerOptions, checkBrokerOptions } from './broker-options.ts'
import { builtinNames } from './canvas/builtin-tasks.ts'
import { CanvasClient } from './canvas/canvas-client.ts'
import { celeryCommands } from './control/celery-commands.ts'
import { CeleryControlBus } from './control/celery-control-bus.ts'
import { CeleryEventBus } from './events/celery-event-bus.ts'
import type { Member } from './member.ts'
import { openResults } from './open-results.ts'
import { openTransport } from './open-transport.ts'
import { CeleryResults } from './results/celery-results.ts'
import { celerySettings } from './settings/celery-settings.ts'
import { Router } from './settings/router.ts'
import { taskPolicies } from './settings/task-policy.ts'
import { workerDefaults } from './settings/worker-defaults.ts'
import { systemClock } from './system-clock.ts'
import { CeleryTaskBus } from './tasks/celery-task-bus.ts'
import { ChordKeeper } from './tasks/chord-keeper.ts'
import { HeldTasks } from './tasks/held-tasks.ts'
import { openConsumer } from './tasks/open-consumer.ts'
import { RevokedStamps } from './tasks/revoked-stamps.ts'
import { TaskSender } from './tasks/task-sender.ts'

/**
 * Joins a Celery cluster. It stays connected, through whatever happens to the broker, until it is closed.
 * @throws {ConfigError} OPTION_INVALID, URL_UNSUPPORTED
 * @throws {StoreError} STORE_UNAVAILABLE when nobody takes the first connection
 */
export async function createCeleryBroker(options: CeleryBrokerOptions): Promise<CeleryBroker> {
  const addresses = checkBrokerOptions(options)
  const settings = celerySettings(options.settings)
  const { clock = systemClock, logger = silentLogger, newId = randomUUID } = options
  const router = new Router(settings)
  const oid = newId()
  const transport = await openTransport(addresses, { settings, logger, clock })
  try {
    const results = await openResults(addresses.results, options.results, { transport, settings, clock, logger, oid })
    const scale = { smallIsUrgent: transport.smallIsUrgent, initial: settings.task_default_priority }
    const origin = `gen${process.pid}@${hostname()}`
    const base = { url: addresses.urls[0], transport, results, settings, router, clock, newId, logger, origin, oid, scale }
    return new CeleryBroker({ ...base, policyOf: taskPolicies(settings), held: new HeldTasks() })
  } catch (error) {
    await transport.close()
    throw error
  }
}

/** A Celery cluster as a broker, and what it can do beyond one. */
export class CeleryBroker implements Broker {
  readonly name = 'celery'
  readonly asksBeforeTaking = true
  readonly workerDefaults: WorkerDefaults
  readonly tasks: CeleryTaskBus
  readonly control: CeleryControlBus
  readonly events: CeleryEventBus
  readonly results: CeleryResults
  /** Chains, groups and chords of tasks. */
  readonly canvas: CanvasClient
  readonly #member: Member
  readonly #unwatch: () => void
  #closing: Promise<void> | undefined

  constructor(member: Member) {
    const sender = new TaskSender(member)
    const stamps = new RevokedStamps()
    this.#member = member
    this.workerDefaults = workerDefaults(member.settings)
    this.events = new CeleryEventBus(member)
    this.results = new CeleryResults(member.results)
    const tell = (event: WorkerEvent): void => this.events.emit(event)
    this.control = new CeleryControlBus(member, (handler, worker) =>
      celeryCommands({ member, worker, handler, stamps, tell, builtInNames: builtinNames }),
    )
    this.tasks = new CeleryTaskBus({
      member,
      sender,
      broadcast: (method, args) => this.control.broadcast(method, args),
      tell,
      consume: (consuming, listener) => openConsumer({ member, sender, stamps, tell }, consuming, listener),
    })
    const chords = new ChordKeeper(member, sender)
    this.canvas = new CanvasClient({
      sender: () => ({
        newId: member.newId,
        replyTo: member.results?.replyTo ?? member.oid,
        now: member.clock.now(),
        chords: chords.counting,
        origin: member.origin,
      }),
      carryOut: (orders) => sender.carryOut(orders),
      cancel: (ids) => this.tasks.cancel(ids),
      results: this.results,
      backend: member.results,
    })
    this.#unwatch = this.#watch()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const error = new StoreError('STORE_CLOSED', 'expected an open connection to the Celery cluster, got one that was closed')
    this.#unwatch()
    this.results.close(error)
    this.control.close(error)
    await this.tasks.close()
    await this.events.close(error)
    const { results, transport } = this.#member
    await results?.close()
    await transport.close()
  }

  #watch(): () => void {
    const { transport, logger } = this.#member
    return transport.watch({
      lost: (error) =>
        logger.warn({ error }, `the connection to ${transport.kind === 'amqp' ? 'RabbitMQ' : 'Redis'} is lost; trying again`),
      back: () => {
        logger.info({}, `the connection to ${transport.kind === 'amqp' ? 'RabbitMQ' : 'Redis'} is back`)
        this.tasks.comeBack()
      },
    })
  }
}
