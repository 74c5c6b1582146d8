/** Access: who a request comes from, and whether it may do what it asks for. */
import { type Admin, ConfigError, type Duration, durationMs, LovageError } from '@lovage/core'
import type { Context, MiddlewareHandler } from 'hono'
import { type AccessClient, AccessClients } from './access-client.ts'
import { bewitCaller, hasBewit } from './bewit.ts'
import { type Caller, checkScopes } from './caller.ts'
import { hawkCaller } from './hawk.ts'
import { createIssuer, type Issuer, issuerId } from './issuer.ts'
import { Nonces } from './nonces.ts'
import type { Scopes } from './scopes.ts'
import { publicOriginOf, signedRequest } from './signed-request.ts'

export interface AccessOptions {
  /** Who may call. Default none: whoever reaches the server may do everything, and it listens on loopback addresses alone. */
  readonly clients?: readonly AccessClient[] | undefined
  /** Where clients reach the server when that is not where it listens (a proxy that ends TLS): what they sign names this address. Needs clients. */
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

/** @throws {ConfigError} OPTION_INVALID, also for a public address without clients; DURATION_INVALID */
export function createAccess(admin: Pick<Admin, 'secret'> | undefined, options: AccessOptions = {}): Access {
  const clients = new AccessClients(options.clients ?? [], [issuerId])
  const publicOrigin = options.publicUrl === undefined ? [] : [publicOriginOf(options.publicUrl)]
  if (options.publicUrl !== undefined && clients.size === 0) throw unguarded(options.publicUrl)
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

function unguarded(publicUrl: string): ConfigError {
  return new ConfigError(
    'OPTION_INVALID',
    `expected clients with tokens to be reached at ${publicUrl}, got none: whoever reaches that address could do everything; give \`access.clients\` (--token-file, LOVAGE_TOKENS)`,
  )
}

function bearerCaller(token: string, clients: AccessClients): Caller {
  const client = clients.withToken(token)
  if (client === undefined)
    throw new LovageError('AUTHENTICATION_FAILED', 'expected the token of a known client, got another one')
  return { clientId: client.clientId, scheme: 'bearer', scopes: client.scopes }
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
