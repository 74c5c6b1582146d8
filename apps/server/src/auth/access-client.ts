/** Clients: who may call the server, with which token and which scopes. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { ConfigError } from '@lovage/core'
import { isScope } from './scopes.ts'

export interface AccessClient {
  /** 1 to 200 letters, digits and `@ / : . _ | -`. */
  readonly clientId: string
  /** At least 22 characters that a bearer token may have: letters, digits and `-._~+/`. */
  readonly accessToken: string
  /** What it may do; `*` is everything. */
  readonly scopes: readonly string[]
}

const clientIdPattern = /^[\w@/:.|-]{1,200}$/
/** @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const tokenPattern = /^[\w.~+/-]{22,500}=*$/

/** Clients by id and by token. A token is told from others in a time that does not depend on how much of it is right. */
export class AccessClients {
  readonly #byId: ReadonlyMap<string, AccessClient>
  readonly #digests: readonly { readonly digest: Buffer; readonly client: AccessClient }[]

  /** @throws {ConfigError} OPTION_INVALID for clients that are incomplete or stand in each other's way */
  constructor(clients: readonly AccessClient[], reservedIds: readonly string[] = []) {
    const byId = new Map<string, AccessClient>()
    for (const client of clients) {
      checkClient(client)
      if (reservedIds.includes(client.clientId))
        throw invalid(client.clientId, 'to have another name: the server uses this one itself')
      if (byId.has(client.clientId)) throw invalid(client.clientId, 'to be named once, got it twice')
      byId.set(client.clientId, client)
    }
    const tokens = new Set(clients.map((client) => client.accessToken))
    if (tokens.size < clients.length) {
      throw new ConfigError('OPTION_INVALID', 'expected every client to have a token of its own, got two with the same one')
    }
    this.#byId = byId
    this.#digests = clients.map((client) => ({ digest: digestOf(client.accessToken), client }))
  }

  get size(): number {
    return this.#byId.size
  }

  get(clientId: string): AccessClient | undefined {
    return this.#byId.get(clientId)
  }

  /** Looks at every client, whichever it is. */
  withToken(token: string): AccessClient | undefined {
    const digest = digestOf(token)
    let found: AccessClient | undefined
    for (const each of this.#digests) if (timingSafeEqual(each.digest, digest)) found = each.client
    return found
  }
}

/** Whether two texts are the same, in a time that says nothing about where they differ. */
export function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(digestOf(a), digestOf(b))
}

/** Whether a text has the form of a client's id. */
export function isClientId(text: string): boolean {
  return clientIdPattern.test(text)
}

/** Whether a text has the form of a token that a client may have. */
export function isAccessToken(text: string): boolean {
  return tokenPattern.test(text)
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function checkClient({ clientId, accessToken, scopes }: AccessClient): void {
  if (!isClientId(clientId)) {
    const message = `expected a clientId of 1 to 200 letters, digits and @ / : . _ | -, got: ${JSON.stringify(clientId)}`
    throw new ConfigError('OPTION_INVALID', message)
  }
  // The token itself is never shown.
  if (!isAccessToken(accessToken)) {
    throw invalid(
      clientId,
      `to have an access token of at least 22 letters, digits and -._~+/, got ${accessToken.length} characters`,
    )
  }
  const wrong = scopes.find((scope) => !isScope(scope) || scope === '')
  if (wrong !== undefined) throw invalid(clientId, `to have scopes of printable ASCII, got: ${JSON.stringify(wrong)}`)
}

function invalid(clientId: string, expected: string): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected client ${clientId} ${expected}`, { subject: clientId })
}
