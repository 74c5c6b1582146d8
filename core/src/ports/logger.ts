/** The Logger port: where Lovage writes what an operator should know. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** pino's shape, so that a pino logger is one. */
export interface Logger {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** Writes nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
