/** The guard: what a page of another site, or a name that was bent to this machine, must not do. */
import { LovageError } from '@lovage/core'
import type { MiddlewareHandler } from 'hono'

/** Which `Host` headers are this server's; undefined takes any. */
export type HostRule = { names: ReadonlySet<string> | undefined }

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** A server that only this machine reaches answers to this machine's names alone; any other one to any name, or to those given. */
export function hostNames(host: string, given: readonly string[] | undefined): ReadonlySet<string> | undefined {
  if (given !== undefined) return new Set([...loopbackNames, ...given.map((name) => name.toLowerCase())])
  return isLoopback(host) ? new Set([...loopbackNames, bracketed(host)]) : undefined
}

/** One more name to answer to; a server that answers to any needs none. */
export function withName(names: ReadonlySet<string> | undefined, name: string | undefined): ReadonlySet<string> | undefined {
  return names === undefined || name === undefined ? names : new Set([...names, name])
}

/**
 * Refuses foreign hosts (DNS rebinding: a page that points its own name at 127.0.0.1 is of the same origin) and changes
 * that a browser sends for a page of another site. Callers that are no browsers send neither header.
 * @see https://owasp.org/www-community/attacks/csrf, https://www.w3.org/TR/fetch-metadata/
 */
export function guard(rule: HostRule): MiddlewareHandler {
  return async ({ req }, next) => {
    const host = (req.header('host') ?? new URL(req.url).host).toLowerCase()
    if (rule.names !== undefined && !rule.names.has(host.replace(/:\d+$/, ''))) {
      throw refused(`expected the host to be this server (${[...rule.names].join(', ')}), got: ${host}`)
    }
    if (req.method !== 'GET' && req.method !== 'HEAD') checkSite(req.header('sec-fetch-site'), req.header('origin'), host)
    await next()
  }
}

function checkSite(site: string | undefined, origin: string | undefined, host: string): void {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw refused(`expected changes to come from this server's own pages, got: Sec-Fetch-Site ${site}`)
  }
  if (origin !== undefined && origin.replace(/^https?:\/\//, '').toLowerCase() !== host) {
    throw refused(`expected changes to come from this server's own pages, got: Origin ${origin}`)
  }
}

function refused(message: string): LovageError {
  return new LovageError('REQUEST_REFUSED', message)
}

/** Whether an address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
