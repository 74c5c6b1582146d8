/** The HTTP server as a process runs it. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Client } from '@lovage/client'
import { ConfigError, failureFrom, type Logger } from '@lovage/core'
import { type AccessClient, createServer, type Listening, parseClients } from '@lovage/server'
import type { Invocation } from '../invocation.ts'

export interface HttpFlags {
  readonly port: number
  readonly host: string
  readonly tokenFile?: string
  readonly publicUrl?: string
  readonly claimTimeout?: number
}

type HttpInvocation = Pick<Invocation<HttpFlags>, 'options' | 'terminal'>

/** Listens. @throws {LovageError} PORT_TAKEN; OPTION_INVALID for an address that is not this machine's, or clients that are no good */
export async function serveHttp(client: Client, invocation: HttpInvocation, logger: Logger): Promise<Listening> {
  const { port, host, publicUrl, claimTimeout } = invocation.options
  const clients = await knownClients(invocation)
  return createServer({ client, logger, claimTimeout, access: { clients, publicUrl } }).listen(port, host)
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
