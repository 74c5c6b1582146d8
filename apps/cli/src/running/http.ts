/** The HTTP server as a process runs it. */
import type { Client } from '@lovage/client'
import type { Logger } from '@lovage/core'
import { createServer, type Listening } from '@lovage/server'

export interface HttpFlags {
  readonly port: number
  readonly host: string
}

/** Listens. @throws {LovageError} PORT_TAKEN; OPTION_INVALID for an address that is not this machine's */
export function serveHttp(client: Client, flags: HttpFlags, logger: Logger): Promise<Listening> {
  if (!isLoopback(flags.host)) {
    logger.warn({ host: flags.host }, 'whoever reaches this address can do everything: there is no authentication')
  }
  return createServer({ client, logger }).listen(flags.port, flags.host)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
