/** A broker case: one thing that every broker owes the worker, as data that any test runner or tool can run. */
import type { Broker } from '@lovage/core'

/** What not every world can do. A case names those it needs; a binding says which its broker has. */
export interface BrokerPowers {
  /** The same id with the same content is one task. */
  readonly idempotentIds: boolean
  /** Tasks whose time has not come stay with the broker; without it they are delivered with `message.at` ahead. */
  readonly holdsEta: boolean
  /** More urgent tasks are delivered first. */
  readonly priorities: boolean
  /** Only names that the worker knows are delivered. */
  readonly choosesNames: boolean
  /** `cancel` keeps a pending task from being delivered. */
  readonly cancels: boolean
  /** `cancel` reaches the worker that runs the task. */
  readonly cancelsRunning: boolean
  /** Settled twice is noticed. */
  readonly countsSettlements: boolean
  readonly control: boolean
  readonly events: boolean
  readonly results: boolean
  /** Results can be asked for on any connection, not only on the one that sent the task. */
  readonly sharesResults: boolean
  /** Progress of a running task can be seen by its sender. */
  readonly keepsProgress: boolean
  /** The log lines of a task can be read by an operator. */
  readonly keepsLogs: boolean
  /** There is a desk for workers that hold no connection of their own. */
  readonly handsOut: boolean
}

/** What a binding gives to one case: a world of its own, empty at first. */
export interface BrokerTools {
  /** Opens a connection to the case's world; the case closes it. Each call is another one, as another process would have. */
  open(): Promise<Broker>
  /** Lets so much of the broker's time pass, in milliseconds. Default: waits. */
  pass?(ms: number): Promise<void>
  /** Ends a connection as kill -9 would: without closing anything. Cases that need it are left out without it. */
  crash?(broker: Broker): Promise<void>
}

export interface BrokerCase {
  /** `verb/what it promises`; unique. */
  readonly name: string
  /** The powers without which the case makes no sense. */
  readonly needs: readonly (keyof BrokerPowers)[]
  /** Whether it calls `tools.crash`. */
  readonly crashes?: true
  /** Resolves when the broker keeps the promise. @throws {BugError} BUG when it does not: what was expected and what came */
  run(tools: BrokerTools): Promise<void>
}
