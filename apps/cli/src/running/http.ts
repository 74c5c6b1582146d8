/** The HTTP server as a process runs it. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Client } from '@lovage/client'
import { ConfigError, failureFrom, type Logger } from '@lovage/core'
import { type AccessClient, createServer, type Listening, parseClients, type ServerGatewayOptions } from '@lovage/server'
import type { Invocation } from '../invocation.ts'

export interface HttpFlags {
  readonly port: number
  readonly host: string
  readonly tokenFile?: string
  readonly publicUrl?: string
  readonly claimTimeout?: number
  /** False: no workers over socket.io. */
  readonly gateway: boolean
  /** Milliseconds. */
  readonly gatewayGrace?: number
  readonly gatewayPause?: number
  readonly anonymousWorkers?: boolean
}

type HttpInvocation = Pick<Invocation<HttpFlags>, 'options' | 'settings' | 'terminal'>

export interface Serving extends Listening {
  /** For the banner: where it listens, and which workers come in. */
  readonly facts: readonly (readonly [name: string, value: string])[]
}

/** Listens. @throws {LovageError} PORT_TAKEN; OPTION_INVALID for an address that is not this machine's, or clients that are no good */
export async function serveHttp(client: Client, invocation: HttpInvocation, logger: Logger): Promise<Serving> {
  const { port, host, publicUrl, claimTimeout, anonymousWorkers } = invocation.options
  const clients = await knownClients(invocation)
  const gateway = gatewayOf(client, invocation)
  const server = createServer({ client, logger, claimTimeout, gateway, access: { clients, publicUrl } })
  const listening = await server.listen(port, host)
  const who =
    anonymousWorkers === true
      ? 'every worker'
      : clients.length > 0
        ? 'workers with a token (lovage token create)'
        : 'workers of this machine, others with a token (lovage token create)'
  const facts = [
    ['url', listening.url],
    ...(listening.gateway === undefined ? [] : [['gateway', `for ${who}`] as const]),
  ] as const
  return { ...listening, facts }
}

/** Options that were given ask for a gateway even of a broker that has none, which then says so. */
function gatewayOf({ desk }: Client, { options, settings }: HttpInvocation): ServerGatewayOptions | boolean {
  const { gateway, gatewayGrace: grace, gatewayPause: pause, anonymousWorkers: anonymous } = options
  if (!gateway) return false
  if (desk === undefined && [grace, pause, anonymous].every((option) => option === undefined)) return false
  return { grace, pause, anonymous, lease: settings.leaseMs }
}

/** Those of `--token-file`, else of LOVAGE_TOKENS, which holds the lines themselves. */
async function knownClients({ options, terminal }: HttpInvocation): Promise<readonly AccessClient[]> {
  const { tokenFile } = options
  if (tokenFile !== undefined) return parseClients(await textOf(resolve(terminal.cwd, tokenFile)), tokenFile)
  const lines = terminal.environment.LOVAGE_TOKENS
  // One that is there and empty was meant to hold clients: it does not open the server to everyone.
  return lines === undefined ? [] : parseClients(lines, 'LOVAGE_TOKENS')
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const message = `expected --token-file to be a file that can be read, got: ${failureFrom(cause).message}`
    throw new ConfigError('OPTION_INVALID', message, { cause, subject: path })
  }
}
