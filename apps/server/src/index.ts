/** The HTTP face of a Lovage queue. */
export { createServer, type HttpServer, type Listening, type ServerOptions } from './server.ts'
