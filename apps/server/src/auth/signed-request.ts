/** What was signed, as it reached the server: the method, the path as it came, and the places that it may have been sent to. */
import { ConfigError } from '@lovage/core'
import type { Context } from 'hono'
import type { Origin, SignedRequest } from './hawk-signer.ts'

/** @param publicOrigin where clients may have sent it beside the host that it names */
export function signedRequest({ req, env }: Context, publicOrigin: readonly Origin[]): SignedRequest {
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

/** @throws {ConfigError} OPTION_INVALID for what is more or less than an origin: with a path, signatures could not be checked */
export function publicOriginOf(text: string): Origin {
  const origin = originOf(text)
  if (origin !== undefined && URL.parse(text)?.href === `${URL.parse(text)?.origin}/`) return origin
  const shown = text.replace(/\/\/[^/]*@/, '//')
  const message = `expected the public address to be an http or https address without a path such as https://queue.example.com, got: ${shown}`
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
