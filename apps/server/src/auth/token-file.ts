/** The file of clients: one a line, its name, its token, its scopes. */
import { ConfigError } from '@lovage/core'
import type { AccessClient } from './access-client.ts'

/**
 * Reads clients from a text: one a line as `clientId accessToken scope ...`, parted by blanks; empty lines and what
 * follows a `#` at the beginning of a line are skipped.
 * @param source what the text is, for the message
 * @throws {ConfigError} OPTION_INVALID for a line that lacks a part, and for a text without clients; no token is shown
 */
export function parseClients(text: string, source: string): readonly AccessClient[] {
  const clients = text.split(/\r?\n/).flatMap((line, index) => {
    const parts = line.trim().split(/\s+/)
    const [clientId, accessToken, ...scopes] = parts
    if (clientId === undefined || clientId === '' || clientId.startsWith('#')) return []
    if (accessToken === undefined || scopes.length === 0) {
      throw invalid(`${source} line ${index + 1}`, `${clientId} with ${accessToken === undefined ? 'no token' : 'no scope'}`)
    }
    return [{ clientId, accessToken, scopes }]
  })
  if (clients.length === 0) throw invalid(source, 'no client at all')
  return clients
}

function invalid(source: string, got: string): ConfigError {
  return new ConfigError(
    'OPTION_INVALID',
    `expected ${source} to be "clientId accessToken scope ..." (the scope * allows everything), got: ${got}`,
    { subject: source },
  )
}
