/** The schemes of servers: a URL of HTTP works for the Lovage server that is there, over socket.io. */
import { type Client, createClient } from '@lovage/client'
import { type Clock, ConfigError, shown } from '@lovage/core'

const scheme = /^\s*https?:\/\//i

/** What it looks like, for messages. @internal */
export const serverExample = 'https://lovage.example'

/** Whether a URL names a Lovage server. @internal */
export function isServerUrl(url: unknown): url is string {
  return typeof url === 'string' && scheme.test(url)
}

/**
 * Connects to a Lovage server, as a worker does. The client sends into the queues that its token allows, and sees their results.
 * @throws {ConfigError} AUTHENTICATION_FAILED
 * @throws {StoreError} STORE_UNAVAILABLE
 * @internal
 */
export async function connectServer(
  url: string,
  { token, clock }: { readonly token?: string | undefined; readonly clock?: Clock | undefined },
): Promise<Client> {
  const { createSocketBroker } = await import('@lovage/broker-socketio')
  return createClient(await createSocketBroker({ url: url.trim(), token }), { clock })
}

/** Refuses options of stores and clusters. @throws {ConfigError} OPTION_INVALID @internal */
export function refuseForServer(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const message = `expected no \`${name}\` for a Lovage server, which has its own, got: ${shown(value)}; leave it out, or give it to the server`
    throw new ConfigError('OPTION_INVALID', message, { subject: name })
  }
}
