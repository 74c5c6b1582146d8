/** Admission: who may come in, by the tokens of the store, or without one where that is safe. */
import type { IncomingHttpHeaders } from 'node:http'
import { everything, type Pass } from '../tokens/pass.ts'
import type { TokenBook, TokenEntry } from '../tokens/token-book.ts'
import { isSecretOf, readToken } from '../tokens/token-text.ts'
import type { ConnectRefusal } from '../wire/registration.ts'

/** A connection that asks to be let in. */
export interface Visitor {
  /** `auth.token` of its handshake. */
  readonly token: string | undefined
  /** Of the other end of the socket: a proxy's, where one stands between. */
  readonly address: string
  readonly headers: IncomingHttpHeaders
}

export interface Refusal extends ConnectRefusal {
  /** For the worker's user. */
  readonly message: string
}

/** A pass, or why there is none. */
export type Admission = { readonly pass: Pass } | { readonly refusal: Refusal }

/** Decides who may come in. One that throws or rejects lets nobody in, who may then try again. */
export type Admit = (visitor: Visitor) => Admission | Promise<Admission>

/** What the admission by tokens goes by. */
export interface TokenRules {
  readonly book: Pick<TokenBook, 'get'>
  /** Epoch milliseconds. */
  now(): number
  /** Whether workers without a token come in. Undefined: where the server listens on loopback addresses alone. */
  readonly anonymous: boolean | undefined
  /** Whether the server listens on loopback addresses alone. */
  isLocal(): boolean
}

export function byTokens(rules: TokenRules): Admit {
  return async (visitor) => {
    const { token } = visitor
    if (token === undefined) {
      const refusal = refusalOfAnonymous(visitor, rules)
      return refusal === undefined ? { pass: everything } : { refusal }
    }
    const parts = readToken(token)
    const entry = parts === undefined ? undefined : await rules.book.get(parts.id)
    // Of a token that is not there as much is compared.
    const isRight = isSecretOf(entry?.hash ?? nobodys, parts?.secret ?? '')
    if (parts === undefined || entry === undefined || !isRight) {
      return unauthorized(
        'expected a token that this server knows, got another one: mistyped, revoked, or made for another store',
      )
    }
    return passOf(parts.id, entry, rules.now())
  }
}

/** As long as a hash is, and none. */
const nobodys = '-'.repeat(43)

function passOf(id: string, { ids, queues, expiresAt }: TokenEntry, now: number): Admission {
  if (expiresAt !== undefined && expiresAt <= now) {
    return unauthorized(`expected a token that is still good, got one that expired at ${new Date(expiresAt).toJSON()}`)
  }
  return { pass: { ids, queues, expiresAt, token: id } }
}

const unauthorized = (message: string): { readonly refusal: Refusal } => ({ refusal: { code: 'unauthorized', message } })
const cure = 'give the worker a token of `lovage token create`'

/**
 * Whoever reaches a loopback address is taken for this machine's own, but for what others send through its programs: pages in its
 * browser (which may bend a name of theirs to it), and clients of a proxy.
 * @see https://owasp.org/www-community/attacks/DNS_Rebinding, https://owasp.org/www-community/attacks/csrf
 */
function refusalOfAnonymous({ headers }: Visitor, { anonymous, isLocal }: TokenRules): Refusal | undefined {
  const refuse = (got: string): Refusal => ({ code: 'unauthorized', message: `expected a token, got none${got}; ${cure}` })
  if (anonymous === false) return refuse('')
  const host = hostnameOf(`http://${headers.host ?? ''}`)
  const { origin } = headers
  const page = origin === undefined ? undefined : hostnameOf(origin)
  if (origin !== undefined && !isLoopbackHost(page) && (page === undefined || page !== host || anonymous !== true)) {
    return refuse(`, from a page of ${origin}`)
  }
  if (anonymous === true) return undefined
  if (!isLocal()) return refuse(', and this server is reached from other machines')
  if (headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined) return refuse(', through a proxy')
  return isLoopbackHost(host) ? undefined : refuse(`, under the name ${headers.host ?? ''}`)
}

function hostnameOf(url: string): string | undefined {
  return URL.parse(url)?.hostname
}

/** Whether an address, or a name, is reached from this machine alone. */
export function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return false
  return host === 'localhost' || /^\[?::1\]?$/.test(host) || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(host)
}
