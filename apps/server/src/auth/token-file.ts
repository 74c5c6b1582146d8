/** The file of clients: one a line, its name, its token, its scopes. */
import { ConfigError } from '@lovage/core'
import { type AccessClient, isAccessToken, isClientId } from './access-client.ts'

/**
 * Reads clients from a text: one a line as `clientId accessToken scope ...`, parted by blanks; empty lines and what
 * follows a `#` at the beginning of a line are skipped.
 * @param source what the text is, for the message
 * @throws {ConfigError} OPTION_INVALID for a line that lacks a part, and for a text without clients; no word of a wrong line is
 * shown, as any of them may be a token
 */
export function parseClients(text: string, source: string): readonly AccessClient[] {
  const clients = text.split(/\r?\n/).flatMap((line, index) => {
    const [clientId = '', accessToken, ...scopes] = line.trim().split(/\s+/)
    if (clientId === '' || clientId.startsWith('#')) return []
    const refused = (got: string) => invalid(`${source} line ${index + 1}`, got)
    if (accessToken === undefined) throw refused('one word alone')
    if (!isClientId(clientId)) throw refused('a first word that is no clientId (1 to 200 letters, digits and @ / : . _ | -)')
    if (!isAccessToken(accessToken)) throw refused('a second word that is no token (at least 22 letters, digits and -._~+/)')
    if (scopes.length === 0) throw refused('no scope')
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
