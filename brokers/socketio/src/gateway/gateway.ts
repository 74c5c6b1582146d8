/** The gateway: workers connect out to it over socket.io, and get the tasks of a queue. */
import { randomUUID } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import {
  type Admin,
  type Clock,
  ConfigError,
  type ControlBus,
  checkOptionNames,
  type Desk,
  durationMs,
  type EventBus,
  type Logger,
  type OptionNames,
  type Random,
  type Results,
  silentLogger,
  type TaskBus,
} from '@lovage/core'
import type { Server } from 'socket.io'
import { type DoorOptions, doorNames, FrontDoor } from './front-door.ts'
import { GatewayHall } from './gateway-hall.ts'
import { InputChecks } from './input-checks.ts'
import { hearPauses } from './pause-news.ts'
import type { SessionInfo } from './session-info.ts'
import { type GatewayLimits, gatewaySettings, limitNames } from './settings.ts'
import { openEntrance, type PingOptions } from './socket-server.ts'
import { systemClock } from './system-clock.ts'
import { byOperator, type PauseOptions } from './worker-pauses.ts'

export interface GatewayOptions extends GatewayLimits, DoorOptions {
  /** Workers connect to this HTTP server, which stays open; or to this socket.io server, whose sizes and pings are its own. */
  readonly server: HttpServer | Server
  /** The desk of the broker whose tasks are handed out: `broker.desk`. */
  readonly desk: Desk | undefined
  /** The same broker's: `broker.admin`. */
  readonly admin: Pick<Admin, 'get' | 'find' | 'workers'> | undefined
  /** The same broker's: `broker.events`. With it a revoked token is heard of at once, and events of workers are told. */
  readonly events?: Pick<EventBus, 'capture' | 'emit'> | undefined
  /** The same broker's: `broker.control`. With it commands reach workers. */
  readonly control?: Pick<ControlBus, 'serve'> | undefined
  /** The same broker's: `broker.results`. With it workers see what became of tasks in their queues. */
  readonly results?: Results | undefined
  /** The same broker's: `broker.tasks`. With it workers may send tasks into their queues. */
  readonly tasks?: Pick<TaskBus, 'send' | 'cancel'> | undefined
  /** How often a silent connection is asked whether it lives, and how long it has to answer. For an HTTP server. */
  readonly ping?: PingOptions | undefined
  readonly clock?: Clock | undefined
  /** Default: nothing is written. */
  readonly logger?: Logger | undefined
  readonly random?: Random | undefined
}

export interface Gateway {
  sessions(): readonly SessionInfo[]
  /** Gives a worker no tasks for a while; what it runs it goes on with. A new start of the worker does not end it. */
  pause(id: string, options?: PauseOptions): Promise<void>
  /** Ends a pause. False when there was none. */
  resume(id: string): Promise<boolean>
  /**
   * Gives out no more tasks, tells workers so, waits for what they run as long as `drain` says, and closes their connections: they come
   * back to another gateway, and may take up there what they still run. May be called twice; `cold` does not wait for runs, and ends
   * such a wait that is under way.
   */
  close(options?: { readonly cold?: boolean | undefined }): Promise<void>
}

const optionNames: OptionNames<GatewayOptions> = {
  ...(limitNames as OptionNames<GatewayLimits>),
  ...(doorNames as OptionNames<DoorOptions>),
  server: true,
  desk: true,
  admin: true,
  events: true,
  control: true,
  results: true,
  tasks: true,
  ping: true,
  clock: true,
  logger: true,
  random: true,
}

/**
 * Opens a gateway on a server. Workers come in with a token of the store (`workerTokens`); without one where the server listens on
 * loopback addresses alone.
 * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID; UNSUPPORTED for a broker that has no desk
 */
export function createGateway(options: GatewayOptions): Gateway {
  checkOptionNames(options, optionNames, 'createGateway')
  const {
    server,
    desk,
    admin,
    events,
    control,
    results,
    tasks,
    ping = {},
    clock = systemClock,
    logger = silentLogger,
    random = Math.random,
  } = options
  if (desk === undefined || admin === undefined) {
    throw new ConfigError(
      'UNSUPPORTED',
      'expected `desk` and `admin` of a broker that hands out work, got none: use one over a store',
    )
  }
  const settings = gatewaySettings(options)
  const door = new FrontDoor(options, { desk, events, clock, logger, random, leaseMs: settings.leaseMs })
  const around = {
    desk,
    admin,
    clock,
    logger,
    random,
    settings,
    buses: { control, events, results, tasks },
    newId: randomUUID,
    checks: new InputChecks({ admin, clock, logger }),
  }
  const hall = new GatewayHall(around, door)
  const entrance = openEntrance(server, ping, door, (socket) => hall.enter(socket))
  door.open()
  const everyMs = settings.leaseMs / 3
  const endNews = hearPauses({ events, clock, logger, everyMs, look: (id) => hall.lookAtPauses(id) })
  let closing: Promise<void> | undefined
  return {
    sessions: () => hall.sessions(),
    pause(id, { duration, reason = byOperator } = {}) {
      return hall.pause(id, duration === undefined ? settings.pauseMs : durationMs(duration, 'duration'), reason)
    },
    resume: (id) => hall.resume(id),
    close({ cold = false } = {}) {
      closing ??= hall.close(() => entrance.close()).finally(() => Promise.all([door.close(), endNews()]))
      if (cold) hall.hurry()
      return closing
    },
  }
}
