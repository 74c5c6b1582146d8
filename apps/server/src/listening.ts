/** Listening: the socket of a server from its opening to its end. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Gateway } from '@lovage/broker-socketio'
import { ConfigError, LovageError } from '@lovage/core'

/** How long requests under way may go on once the server closes. */
const closeGraceMs = 1000

/** How a server closes. */
export interface CloseOptions {
  /** Does not wait for what workers of the gateway run; ends such a wait that is under way. Default false. */
  readonly cold?: boolean | undefined
}

/** Where a server listens. */
export interface Listening {
  readonly host: string
  readonly port: number
  readonly url: string
  /** Where workers connect; undefined where there is none. */
  readonly gateway: Gateway | undefined
  /**
   * Closes the gateway first, which waits for what its workers run. Then ends streams and waits, gives other requests a second, and
   * cuts their connections. May be called twice.
   */
  close(options?: CloseOptions): Promise<void>
}

/** What is opened and closed together. */
export interface Opening {
  readonly server: Server
  readonly gateway: Gateway | undefined
  /** Fires when the server closes, for streams and waits. */
  readonly closing: AbortController
}

/**
 * @throws {LovageError} PORT_TAKEN; the gateway is closed then
 * @throws {ConfigError} OPTION_INVALID when it cannot listen there
 */
export async function openAt(
  { port, host }: { readonly port: number; readonly host: string },
  { server, gateway, closing }: Opening,
): Promise<Listening> {
  const address = await listenAt(server, port, host).catch(async (error: unknown) => {
    await gateway?.close()
    throw error
  })
  const shown = host.includes(':') ? `[${host}]` : host
  let closed: Promise<void> | undefined
  return {
    ...{ host, port: address.port, url: `http://${shown}:${address.port}`, gateway },
    close: (how) => {
      const emptied = gateway?.close(how)
      closed ??= Promise.resolve(emptied).then(() => closeServer(server, closing))
      return closed
    },
  }
}

function listenAt(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(cause, port, host)))
    server.listen(port, host, () => resolve(server.address() as AddressInfo))
  })
}

function cannotListen(cause: NodeJS.ErrnoException, port: number, host: string): LovageError {
  if (cause.code === 'EADDRINUSE') {
    const message = `expected port ${port} on ${host} to be free, got: another program listens there; choose another port, or 0 for any`
    return new LovageError('PORT_TAKEN', message, { cause, subject: String(port) })
  }
  return new ConfigError('OPTION_INVALID', `expected to listen on ${host} port ${port}, got: ${cause.message}`, { cause })
}

function closeServer(server: Server, closing: AbortController): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    closing.abort()
    server.closeIdleConnections()
  })
}
