/** A server that this machine does not have, and that could not be installed. */
import { ConfigError } from '@lovage/core'

/** Says what is missing and how to get it. */
export function unavailable(what: string, debianPackage: string, cause?: unknown): ConfigError {
  const message = `expected ${what} on this machine, got none; install it (on Debian: apt-get install ${debianPackage})`
  return new ConfigError('UNSUPPORTED', message, { subject: what, ...(cause === undefined ? {} : { cause }) })
}
