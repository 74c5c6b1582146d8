/** How ioredis gets a socket: one whose second error does not end the process, and that is cut at once when it is given up. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector } from 'ioredis'
import type { RedisAddress } from './redis-address.ts'

/** ioredis listens for the first error of a socket alone; TLS may have two. Gives the class that it makes one of per connection. */
export function connectorTo({ host, port, path, tls }: RedisAddress): new () => AbstractConnector {
  return class RedisConnector extends AbstractConnector {
    constructor() {
      super(0)
    }

    override async connect(): Promise<Socket> {
      this.connecting = true
      const place = path === undefined ? { host, port } : { path }
      this.stream = tls === undefined ? connect(place) : connectTls({ ...place, ...tls })
      this.stream.on('error', (error) => {
        this.firstError ??= error
      })
      return this.stream
    }

    override disconnect(): void {
      this.connecting = false
      this.stream?.destroy()
    }
  }
}
