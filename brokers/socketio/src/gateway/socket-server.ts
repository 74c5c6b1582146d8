/** The socket.io server of a gateway: one of its own on an HTTP server, or one that is there. */
import type { Server as HttpServer } from 'node:http'
import { ConfigError, type Duration, durationMs } from '@lovage/core'
import { Server, type Socket } from 'socket.io'
import { limits } from '../wire/limits.ts'

export interface PingOptions {
  /** Default 5 s. */
  readonly interval?: Duration | undefined
  /** Default 5 s. */
  readonly timeout?: Duration | undefined
}

/** Where workers come in. */
export interface Entrance {
  /** Turns the sockets away that come from now on, and closes those that are there so that they come back elsewhere. */
  close(): void
}

/** Workers may use either. */
const namespaces = ['/', '/workers']

/** @throws {ConfigError} OPTION_INVALID for a server that adds to what it emits, DURATION_INVALID */
export function openEntrance(given: HttpServer | Server, ping: PingOptions, onSocket: (socket: Socket) => void): Entrance {
  const isOwn = !(given instanceof Server)
  const io = isOwn ? ownServer(given, ping) : given
  if (io._opts.connectionStateRecovery !== undefined) {
    throw new ConfigError(
      'OPTION_INVALID',
      'expected a socket.io server without `connectionStateRecovery`, got one with it: it adds an argument to events, which workers of other languages do not take',
    )
  }
  let isClosed = false
  const enter = (socket: Socket): void => {
    if (isClosed) socket.conn.close()
    else onSocket(socket)
  }
  for (const name of namespaces) io.of(name).on('connection', enter)
  return {
    close() {
      isClosed = true
      for (const name of namespaces) {
        // The connection and not the namespace: a worker of L0 comes back from this alone.
        for (const socket of io.of(name).sockets.values()) socket.conn.close()
        if (!isOwn) io.of(name).off('connection', enter)
      }
      if (isOwn) io.engine.close()
    },
  }
}

/** A host that vanishes is noticed within the interval and the timeout together. */
function ownServer(server: HttpServer, { interval = '5s', timeout = '5s' }: PingOptions): Server {
  return new Server(server, {
    serveClient: false,
    maxHttpBufferSize: limits.messageBytes,
    pingInterval: durationMs(interval, 'ping.interval'),
    pingTimeout: durationMs(timeout, 'ping.timeout'),
  })
}
