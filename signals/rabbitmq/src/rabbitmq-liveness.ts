/** The dead-man's switch over RabbitMQ: chart 3 of the brief, for any number of holders and of those who watch. */
import { randomUUID } from 'node:crypto'
import { type CancelTimer, type Hold, type Liveness, StoreError } from '@lovage/core'
import { AliveSwitch } from './alive-switch.ts'
import type { BrokerLink, Connection, Lodger } from './broker-link.ts'
import { CrashWatch } from './crash-watch.ts'
import { inTime } from './in-time.ts'
import type { Names } from './names.ts'
import type { RabbitmqSettings } from './rabbitmq-options.ts'

/** How long to wait for the queue that switches move on to. */
const declareMs = 2000
/** So many of the dead are remembered, for those who ask. */
const mostRemembered = 1000

type OnLost = (holder: string) => void | Promise<void>

export class RabbitmqLiveness implements Liveness, Lodger {
  readonly #link: BrokerLink
  readonly #names: Names
  readonly #settings: RabbitmqSettings
  readonly #switches = new Set<AliveSwitch>()
  readonly #watchers = new Set<OnLost>()
  readonly #crashes: CrashWatch
  readonly #lost = new Set<string>()
  #cancelRearm: CancelTimer | undefined
  #isClosed = false

  constructor(link: BrokerLink, names: Names, settings: RabbitmqSettings) {
    this.#link = link
    this.#names = names
    this.#settings = settings
    const { clock, isGone, crashGraceMs: graceMs, heartbeatMs: backlogGraceMs } = settings
    const onLost = (holder: string) => this.#tell(holder)
    this.#crashes = new CrashWatch({ names, clock, graceMs, backlogGraceMs, isGone, onLost })
  }

  /** Without a broker it resolves as well: the switch is armed when there is one. */
  async hold(worker: string, id: string = randomUUID()): Promise<Hold> {
    this.#mustBeOpen(`hold ${worker}`)
    const { clock } = this.#settings
    const onBroken = (): void => void setImmediate(() => this.#rearmBroken(held))
    const held = new AliveSwitch(id, worker, { names: this.#names, now: () => clock.now(), onBroken })
    this.#switches.add(held)
    await this.#link.work((connection) => this.#arm(connection, held))
    this.#cancelRearm ??= this.#rearmLater()
    return {
      id,
      release: async () => {
        if (!this.#switches.delete(held)) return
        // Without a connection the broker has told already, and finds nothing that runs.
        await this.#link.work(() => held.release().catch(() => {}))
      },
    }
  }

  async watch(onLost: OnLost): Promise<() => void> {
    this.#mustBeOpen('watch')
    // Its own function object, so that one listener can watch twice.
    const watcher: OnLost = (holder) => onLost(holder)
    this.#watchers.add(watcher)
    await this.#link.work((connection) => this.#crashes.begin(connection))
    return () => {
      if (this.#watchers.delete(watcher) && this.#watchers.size === 0) void this.#crashes.end()
    }
  }

  /** Only those whose switch has told, and who have not come back since; one without a switch may have lost its connection alone. */
  async lost(holders: readonly string[]): Promise<readonly string[]> {
    const told = holders.filter((holder) => this.#lost.has(holder))
    const areGone = await Promise.all(told.map((holder) => this.#crashes.isGone(holder)))
    return told.filter((holder, index) => {
      if (areGone[index] === false) this.#lost.delete(holder)
      return areGone[index] === true
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelRearm?.()
    this.#watchers.clear()
    this.#link.dislodge(this)
    await this.#crashes.end()
  }

  async enter(connection: Connection): Promise<void> {
    // Those of this process first, so that none of them is found missing.
    if (this.#switches.size > 0) await this.#declare(connection)
    await Promise.all([...this.#switches].map((held) => held.arm(connection)))
    // What is told meanwhile waits in its queue.
    if (this.#watchers.size > 0) void this.#crashes.begin(connection)
  }

  leave(): void {
    for (const held of this.#switches) held.forget()
    this.#crashes.forget()
  }

  async #arm(connection: Connection, held: AliveSwitch): Promise<void> {
    await this.#declare(connection)
    await held.arm(connection)
  }

  async #declare(connection: Connection): Promise<void> {
    const channel = await connection.channel()
    // A broker that has just started may take its time about a queue that is there already.
    await inTime(CrashWatch.declare(channel, this.#names), declareMs).catch(() => {})
    channel.close().catch(() => {})
  }

  /** The broker closed the channel, not the connection: it was kept too long, or its queue was deleted. */
  #rearmBroken(held: AliveSwitch): void {
    if (this.#switches.has(held)) void this.#link.work((connection) => this.#arm(connection, held))
  }

  #rearmLater(): CancelTimer {
    const { clock, rearmMs } = this.#settings
    return clock.at(clock.now() + rearmMs, () => {
      this.#cancelRearm = this.#rearmLater()
      // One whose channel breaks meanwhile is armed on a new one.
      for (const held of this.#switches) held.rearm().catch(() => {})
    })
  }

  /** Rejects when a watcher does. */
  async #tell(holder: string): Promise<void> {
    await Promise.all([...this.#watchers].map((watcher) => watcher(holder)))
    if (this.#lost.size >= mostRemembered) this.#lost.clear()
    this.#lost.add(holder)
  }

  #mustBeOpen(what: string): void {
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', `expected an open liveness to ${what}, got a closed one`)
  }
}
