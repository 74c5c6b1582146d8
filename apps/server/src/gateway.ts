/** The gateway of a server: workers come in over socket.io, at the same port as the HTTP API. */
import type { IncomingMessage, Server } from 'node:http'
import { createGateway, type DoorOptions, type Gateway, type GatewayLimits, type PingOptions } from '@lovage/broker-socketio'
import type { Client } from '@lovage/client'
import type { Logger } from '@lovage/core'

/** How workers are let in and treated that connect to this server. */
export interface ServerGatewayOptions extends GatewayLimits, Omit<DoorOptions, 'anonymous'> {
  /** Whether workers come in without a token. Default: where everyone may call the HTTP API, which is on loopback addresses alone. */
  readonly anonymous?: boolean | undefined
  readonly ping?: PingOptions | undefined
}

/** What a gateway opens on. */
export interface GatewayPlace {
  readonly server: Server
  readonly client: Pick<Client, 'desk' | 'admin' | 'events' | 'control' | 'results' | 'tasks'>
  /** Nobody has to show who they are who calls the HTTP API. */
  readonly isOpen: boolean
  readonly logger: Logger
}

const path = '/socket.io/'

/**
 * Which requests for another protocol are taken. Any other that asks for one (h2c, which some HTTP clients always do) is answered as if
 * it had not asked; without this they would be cut off where a gateway listens.
 */
export function takesUpgrade({ url, headers }: IncomingMessage): boolean {
  return url?.startsWith(path) === true && headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * @param wish `false`: none; `true`, or nothing: one where the broker has a desk
 * @throws {ConfigError} UNSUPPORTED for options where the broker has none; OPTION_INVALID, DURATION_INVALID
 */
export function openGateway(place: GatewayPlace, wish: ServerGatewayOptions | boolean = true): Gateway | undefined {
  const { server, client, isOpen, logger } = place
  const { desk, admin, events, control, results, tasks } = client
  if (wish === false || (wish === true && desk === undefined)) return undefined
  const options: ServerGatewayOptions = wish === true ? {} : wish
  // Without a word on it the gateway looks at where the server listens.
  const anonymous = options.anonymous ?? (isOpen ? undefined : false)
  return createGateway({ ...options, anonymous, server, desk, admin, events, control, results, tasks, logger })
}
