/** The HTTP server: the application, and the socket it listens on. */
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Client } from '@lovage/client'
import { ConfigError, type Duration, durationMs, type Logger, LovageError, silentLogger } from '@lovage/core'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { getPath } from 'hono/utils/url'
import { type AccessOptions, createAccess, identifying } from './auth/access.ts'
import { accessAuthority } from './auth/access-authority.ts'
import { nativeAccess } from './auth/native-access.ts'
import { openGateway, type ServerGatewayOptions, takesUpgrade } from './gateway.ts'
import { guard, type HostRule, hostNames, isLoopback, withName } from './guard.ts'
import { type Listening, openAt } from './listening.ts'
import { answerProblem, answerWrongMethod, issuesLine } from './problem.ts'
import { publishedTasks } from './published-tasks.ts'
import { answerError } from './queue-api/endpoint.ts'
import { queueApiRoutes } from './queue-api/queue-api-routes.ts'
import { aboutRoutes } from './routes/about.ts'
import { eventRoutes } from './routes/events.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { queueRoutes } from './routes/queues.ts'
import { remoteControlRoutes } from './routes/remote-control.ts'
import { resultRoutes } from './routes/results.ts'
import { scheduleRoutes } from './routes/schedules.ts'
import type { Surroundings } from './routes/surroundings.ts'
import { taskRoutes } from './routes/tasks.ts'
import { workerRoutes } from './routes/workers.ts'
import { withPoolAsOnePart } from './worker-manager/pool-path.ts'
import { workerManagerRoutes } from './worker-manager/worker-manager-routes.ts'

export interface ServerOptions {
  /** Whose tasks, queues and workers it shows. It stays open when the server closes. */
  readonly client: Client
  /** Who may do what. Default: everyone who reaches it may do everything, and it listens on loopback addresses only. */
  readonly access?: AccessOptions | undefined
  /** Default: nothing is written. */
  readonly logger?: Logger | undefined
  /** The largest request body in bytes. Default 1 MiB. */
  readonly maxBodyBytes?: number | undefined
  /** Host names it answers to, beside those of this machine. Default: on a loopback address none, else any. */
  readonly hosts?: readonly string[] | undefined
  /** Milliseconds between two comments in a stream of events. Default 15,000. */
  readonly heartbeatMs?: number | undefined
  /** How long a worker of the HTTP queue has a task without reclaiming it. Default 20 minutes, at least 1 s. */
  readonly claimTimeout?: Duration | undefined
  /** Where workers connect out to, over socket.io at the same port. Default: open where the broker has a desk. False: none. */
  readonly gateway?: ServerGatewayOptions | boolean | undefined
}

/** A server that is not listening yet, or is mounted elsewhere. */
export interface HttpServer {
  /** A hono application: `app.fetch(request)`. */
  readonly app: OpenAPIHono
  /**
   * @param port 0 takes any that is free
   * @param host default `127.0.0.1`; another machine's way in needs `access.clients`
   * @throws {LovageError} PORT_TAKEN
   * @throws {ConfigError} OPTION_INVALID for an address beyond this machine without clients, and when it cannot listen there
   */
  listen(port: number, host?: string): Promise<Listening>
}

/** Makes the HTTP face of a broker. @throws {ConfigError} OPTION_INVALID for clients that are incomplete or alike */
export function createServer(options: ServerOptions): HttpServer {
  const { client, logger = silentLogger, maxBodyBytes = 1024 * 1024, heartbeatMs = 15_000 } = options
  const access = createAccess(client.admin, options.access)
  const namesAt = (host: string) => withName(hostNames(host, options.hosts), access.publicHost)
  const rule: HostRule = { names: namesAt('127.0.0.1') }
  const claimMs = claimMsOf(options.claimTimeout)
  const closing = new AbortController()
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw new ConfigError('REQUEST_INVALID', issuesLine(result.error))
    },
    getPath: (request) => withPoolAsOnePart(getPath(request)),
  })
  app.onError((error, context) => {
    if (isOfContract(context.req.path)) return answerError(context, error, logger)
    return answerProblem(context, error, logger)
  })
  app.notFound((context) => {
    if (isOfContract(context.req.path)) return answerError(context, unknownAddress(context), logger)
    const allowed = methodsOf(app, context.req.path)
    if (allowed.length > 0) return answerWrongMethod(context, allowed)
    return answerProblem(context, unknownAddress(context), logger)
  })
  app.use(async (context, next) => {
    await next()
    context.header('x-content-type-options', 'nosniff')
  })
  app.use(guard(rule))
  app.use(bodyLimit({ maxSize: maxBodyBytes, onError: () => tooLarge(maxBodyBytes) }))
  app.use(identifying(access), nativeAccess())
  const surroundings: Surroundings = {
    ...{
      app,
      client,
      published: publishedTasks(client),
      heartbeatMs,
      authority: accessAuthority(access),
      closing: closing.signal,
    },
  }
  workerManagerRoutes({ app, client, access, logger })
  queueApiRoutes(surroundings, { logger, claimMs })
  for (const add of [
    taskRoutes,
    resultRoutes,
    queueRoutes,
    scheduleRoutes,
    workerRoutes,
    remoteControlRoutes,
    eventRoutes,
    metricsRoutes,
    aboutRoutes,
  ]) {
    add(surroundings)
  }
  return {
    app,
    async listen(port, host = '127.0.0.1') {
      if (access.isOpen && !isLoopback(host)) throw unguarded(host)
      rule.names = namesAt(host)
      const serverOptions = { shouldUpgradeCallback: takesUpgrade }
      const server = createAdaptorServer({ fetch: app.fetch, serverOptions }) as Server
      const gateway = openGateway({ server, client, isOpen: access.isOpen, logger }, options.gateway)
      return openAt({ port, host }, { server, gateway, closing })
    },
  }
}

function claimMsOf(claimTimeout: Duration = '20 minutes'): number {
  const ms = durationMs(claimTimeout, 'claimTimeout')
  if (ms >= 1000) return ms
  throw new ConfigError('OPTION_INVALID', `expected \`claimTimeout\` to be at least 1s, got: ${ms}ms`)
}

/** The methods that an address takes; none where there is no such address. */
function methodsOf({ routes }: OpenAPIHono, path: string): readonly string[] {
  const fits = (pattern: string) => {
    const parts = pattern.split('/')
    const given = path.split('/')
    return parts.length === given.length && parts.every((part, index) => part.startsWith(':') || part === given[index])
  }
  const methods = routes.filter((route) => route.method !== 'ALL' && fits(route.path)).map((route) => route.method)
  return [...new Set(methods)].sort()
}

/** These addresses are Taskcluster's, and refuse in its shape. */
function isOfContract(path: string): boolean {
  return ['/api/queue/', '/api/worker-manager/', '/0.2.0/'].some((prefix) => path.startsWith(prefix))
}

function unknownAddress({ req }: Context): LovageError {
  return new LovageError('ADDRESS_UNKNOWN', `expected an address of openapi.json, got: ${req.method} ${req.path}`)
}

function unguarded(host: string): ConfigError {
  return new ConfigError(
    'OPTION_INVALID',
    `expected clients with tokens to listen on ${host}, got none: whoever reaches that address could do everything; give \`access.clients\` (--token-file, LOVAGE_TOKENS), or listen on 127.0.0.1`,
  )
}

function tooLarge(limit: number): never {
  throw new LovageError('PAYLOAD_TOO_LARGE', `expected a request of at most ${limit} bytes, got a larger one`)
}
