/** Who may do what on the server's own addresses. */
import { LovageError } from '@lovage/core'
import type { MiddlewareHandler } from 'hono'
import { authorize } from './access.ts'

/** For everyone: what a load balancer, or someone who has yet to learn the rest, asks. */
const forEveryone: ReadonlySet<string> = new Set(['/', '/health', '/openapi.json'])
/** These ask for scopes of their own, in every route. */
const guardThemselves = ['/api/queue/', '/api/worker-manager/', '/0.2.0/']
/** Addresses that belong to the area of another one. */
const areaOf: Readonly<Record<string, string>> = { inspect: 'workers', control: 'workers' }

/**
 * Asks for `lovage:read:<area>` or `lovage:change:<area>`, where the area is the first part of the path behind `/api`. An
 * address that is not thought of here is therefore closed, not open. Sending a task asks for `lovage:send:<name>` in its route.
 */
export function nativeAccess(): MiddlewareHandler {
  return async (context, next) => {
    const { method, path } = context.req
    if (isGuarded(path)) {
      const caller = await context.get('identify')()
      const scope = nativeScope(method, path)
      if (caller.clientId === undefined && caller.scopes.length === 0) {
        const message = `expected a token (authorization: Bearer ...) for ${method} ${path}, got none`
        throw new LovageError('AUTHENTICATION_FAILED', message)
      }
      if (scope !== undefined) await authorize(context, scope)
    }
    await next()
  }
}

function isGuarded(path: string): boolean {
  return !forEveryone.has(path) && !guardThemselves.some((prefix) => path.startsWith(prefix))
}

/** The scope of an address as the document tells it; undefined where it asks for none, or for one that is not the server's own. */
export function shownScope(method: string, path: string): string | undefined {
  if (!isGuarded(path)) return undefined
  return nativeScope(method, path) ?? 'lovage:send:<name>'
}

/** The scope that a native address asks for; undefined where its route asks for one by the content of the request. */
function nativeScope(method: string, path: string): string | undefined {
  if (method === 'POST' && path === '/api/tasks') return undefined
  const [first = '', second = ''] = path.slice(1).split('/')
  const word = first === 'api' ? second : first
  const area = areaOf[word] ?? word
  return method === 'GET' || method === 'HEAD' ? `lovage:read:${area}` : `lovage:change:${area}`
}
