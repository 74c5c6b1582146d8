/** The HTTP face of a Lovage queue. */
export type { AccessOptions } from './auth/access.ts'
export type { AccessClient } from './auth/access-client.ts'
export { parseClients } from './auth/token-file.ts'
export { createServer, type HttpServer, type Listening, type ServerOptions } from './server.ts'
