/** The socket.io server of a gateway: one of its own on an HTTP server, or one that is there. */
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { ConfigError, type Duration, durationMs } from '@lovage/core'
import { Server, type Socket } from 'socket.io'
import { limits } from '../wire/limits.ts'
import { isLoopbackHost, type Refusal } from './admission.ts'

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

/** Who decides about those who come. */
export interface Door {
  /** How many may be in at a time. */
  readonly mostWorkers: number
  /** Milliseconds that a connection may be there without having asked to be let in. */
  readonly silentMs: number
  /** Of a server of its own: whether one more may connect from that address now. */
  mayConnect(address: string): boolean
  /** Lets a socket in, or says why not. Never rejects. */
  admit(socket: Socket, isLocal: () => boolean): Promise<Refusal | undefined>
  entered(socket: Socket): void
  /** Milliseconds that whom there is no room for is to stay away. */
  awayMs(): number
}

/** Workers may use either. */
const namespaces = ['/', '/workers']

/** @throws {ConfigError} OPTION_INVALID for a server that adds to what it emits, DURATION_INVALID */
export function openEntrance(
  given: HttpServer | Server,
  ping: PingOptions,
  door: Door,
  onSocket: (socket: Socket) => void,
): Entrance {
  const isOwn = !(given instanceof Server)
  const io = isOwn ? ownServer(given, ping, door) : given
  if (io._opts.connectionStateRecovery !== undefined) {
    throw new ConfigError(
      'OPTION_INVALID',
      'expected a socket.io server without `connectionStateRecovery`, got one with it: it adds an argument to events, which workers of other languages do not take',
    )
  }
  let isClosed = false
  const isLocal = (): boolean => listensLocally(isOwn ? given : io.httpServer)
  const enter = (socket: Socket): void => {
    if (isClosed) {
      socket.conn.close()
      return
    }
    door.entered(socket)
    onSocket(socket)
  }
  const admit = (socket: Socket, next: (error?: Error) => void): void => {
    // The server may serve others later.
    if (isClosed && !isOwn) {
      next()
      return
    }
    void door.admit(socket, isLocal).then((refusal) => {
      const isFull = refusal === undefined && countOf(io) >= door.mostWorkers
      next(isFull ? full(door) : refusal && refused(refusal))
    })
  }
  for (const name of namespaces) io.of(name).use(admit).on('connection', enter)
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
function ownServer(server: HttpServer, { interval = '5s', timeout = '5s' }: PingOptions, door: Door): Server {
  return new Server(server, {
    serveClient: false,
    maxHttpBufferSize: limits.messageBytes,
    connectTimeout: door.silentMs,
    pingInterval: durationMs(interval, 'ping.interval'),
    pingTimeout: durationMs(timeout, 'ping.timeout'),
    // Here and not as a refusal of the namespace: from this one clients come back by themselves, later each time.
    allowRequest({ socket }: IncomingMessage, answer) {
      if (door.mayConnect(socket.remoteAddress ?? '')) answer(undefined, true)
      else answer('expected fewer connects in so short a time from this address; try again later', false)
    },
  })
}

function listensLocally(server: Pick<HttpServer, 'address'> | undefined): boolean {
  const address = server?.address?.()
  // A text is the path of a socket in the file system.
  if (typeof address === 'string') return true
  return address !== null && address !== undefined && isLoopbackHost(address.address)
}

function countOf(io: Server): number {
  return namespaces.reduce((count, name) => count + io.of(name).sockets.size, 0)
}

function full(door: Door): Error {
  const message = `expected at most ${door.mostWorkers} workers at this server, got one more; try again later`
  return refused({ code: 'server-full', retryAfterMs: Math.ceil(door.awayMs()), message })
}

/** As the library sends it: its message and its data. */
function refused({ message, ...data }: Refusal): Error & { readonly data: object } {
  return { name: 'Refused', message, data }
}
