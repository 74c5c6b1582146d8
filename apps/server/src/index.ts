/** The HTTP face of a Lovage queue. */
export type { AccessOptions } from './auth/access.ts'
export type { AccessClient } from './auth/access-client.ts'
export { parseClients } from './auth/token-file.ts'
export type { ServerGatewayOptions } from './gateway.ts'
export type { CloseOptions, Listening } from './listening.ts'
export { createServer, type HttpServer, type ServerOptions } from './server.ts'
