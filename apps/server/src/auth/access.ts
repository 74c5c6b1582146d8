/** Access: who a request comes from, and whether it may do what it asks for. */
import { type Admin, ConfigError, type Duration, durationMs, LovageError } from '@lovage/core'
import type { Context, MiddlewareHandler } from 'hono'
import { type AccessClient, AccessClients } from './access-client.ts'
import { bewitCaller, hasBewit } from './bewit.ts'
import { type Caller, checkScopes } from './caller.ts'
import { hawkCaller } from './hawk.ts'
import type { Origin, SignedRequest } from './hawk-signer.ts'
import { createIssuer, type Issuer, issuerId } from './issuer.ts'
import { Nonces } from './nonces.ts'
import type { Scopes } from './scopes.ts'

export interface AccessOptions {
  /** Who may call. Default none: whoever reaches the server may do everything, and it listens on loopback addresses alone. */
  readonly clients?: readonly AccessClient[] | undefined
  /** Where clients reach the server when that is not where it listens (a proxy that ends TLS): what they sign names this address. */
  readonly publicUrl?: string | undefined
  /** How far the clocks of signing clients may be off, either way. Default 15 minutes. */
  readonly clockSkew?: Duration | undefined
}

declare module 'hono' {
  interface ContextVariableMap {
    identify: () => Promise<Caller>
  }
}

export interface Access {
  /** There are no clients: everyone may do everything. */
  readonly isOpen: boolean
  /** The name under which clients reach the server from elsewhere, where that was told. */
  readonly publicHost: string | undefined
  /** Undefined where the broker keeps nothing that processes could share. */
  readonly issuer: Issuer | undefined
  /** @throws {LovageError} AUTHENTICATION_FAILED */
  identify(context: Context): Promise<Caller>
}

const open: Caller = { clientId: undefined, scheme: 'anonymous', scopes: ['*'] }
const nobody: Caller = { clientId: undefined, scheme: 'anonymous', scopes: [] }

/** @throws {ConfigError} OPTION_INVALID, DURATION_INVALID */
export function createAccess(admin: Pick<Admin, 'secret'> | undefined, options: AccessOptions = {}): Access {
  const clients = new AccessClients(options.clients ?? [], [issuerId])
  const publicOrigin = options.publicUrl === undefined ? [] : [publicOriginOf(options.publicUrl)]
  const now = Date.now
  const issuer = admin === undefined ? undefined : createIssuer(() => admin.secret('issuer'), now)
  const hawk = {
    clientFor: async (id: string) => (id === issuerId ? issuer?.client() : clients.get(id)),
    maySign: (id: string) => id !== issuerId,
    nonces: new Nonces(),
    now,
    skewMs: durationMs(options.clockSkew ?? '15 minutes', 'clockSkew'),
  }
  const anonymous = clients.size === 0 ? open : nobody
  return {
    isOpen: clients.size === 0,
    publicHost: options.publicUrl === undefined ? undefined : new URL(options.publicUrl).hostname,
    issuer,
    async identify(context) {
      const header = context.req.header('authorization')?.trim() ?? ''
      const request = signedRequest(context, publicOrigin)
      if (header === '') return hasBewit(request) ? bewitCaller(request, hawk) : anonymous
      const [, scheme = '', text = ''] = /^(\S+)\s*(.*)$/s.exec(header) ?? []
      if (/^bearer$/i.test(scheme)) return bearerCaller(text, clients)
      if (/^hawk$/i.test(scheme)) return hawkCaller(text, request, hawk)
      // What stands there instead may be the token itself.
      throw new LovageError('AUTHENTICATION_FAILED', 'expected the authorization to begin with Bearer or Hawk, got another word')
    },
  }
}

function bearerCaller(token: string, clients: AccessClients): Caller {
  const client = clients.withToken(token)
  if (client === undefined)
    throw new LovageError('AUTHENTICATION_FAILED', 'expected the token of a known client, got another one')
  return { clientId: client.clientId, scheme: 'bearer', scopes: client.scopes }
}

function signedRequest({ req, env }: Context, publicOrigin: readonly Origin[]): SignedRequest {
  const url = new URL(req.url)
  const own = originOf(`${url.protocol}//${req.header('host') ?? url.host}`)
  return {
    method: req.method,
    resource: resourceOf(url, (env as { readonly incoming?: { readonly url?: string } } | undefined)?.incoming?.url),
    origins: [...(own === undefined ? [] : [own]), ...publicOrigin],
    contentType: req.header('content-type') ?? '',
    body: async () => new Uint8Array(await req.arrayBuffer()),
  }
}

/**
 * Path and query as they were signed. Parsing a URL may write them otherwise than they came; but a host that holds a part of a
 * path gives the router another one than came, and then it is the router's that must have been signed.
 */
function resourceOf({ origin, pathname, search }: URL, came: string | undefined): string {
  const routed = `${pathname}${search}`
  if (came === undefined || !URL.canParse(`${origin}${came}`)) return routed
  const parsed = new URL(`${origin}${came}`)
  return `${parsed.pathname}${parsed.search}` === routed ? came : routed
}

function publicOriginOf(text: string): Origin {
  const origin = originOf(text)
  if (origin !== undefined) return origin
  const message = `expected the public address to be an http or https address such as https://queue.example.com, got: ${text}`
  throw new ConfigError('OPTION_INVALID', message)
}

/** Undefined for a text that is no address of a web server. */
function originOf(text: string): Origin | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.hostname === '' || !/^https?:$/.test(url.protocol)) return undefined
  // Clients sign the address of IPv6 itself, without the brackets that a URL needs.
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port,
  }
}

/** Lets everything behind it ask who calls. Nobody is asked before something wants to know: some addresses are for everyone. */
export function identifying(access: Access): MiddlewareHandler {
  return async (context, next) => {
    let caller: Promise<Caller> | undefined
    context.set('identify', () => {
      caller ??= access.identify(context)
      return caller
    })
    await next()
  }
}

/**
 * Answers who calls, once it is sure that they may do this.
 * @throws {LovageError} AUTHENTICATION_FAILED, SCOPES_INSUFFICIENT
 */
export async function authorize(context: Context, required: Scopes): Promise<Caller> {
  const caller = await context.get('identify')()
  checkScopes(caller, required)
  return caller
}
