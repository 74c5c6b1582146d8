/** The authority of the HTTP queue: the scopes of whoever calls, and credentials signed by the issuer of the store. */
import { ConfigError } from '@lovage/core'
import type { Authority } from '../queue-api/authority.ts'
import { type Access, authorize } from './access.ts'

export function accessAuthority({ issuer }: Pick<Access, 'issuer'>): Authority {
  return {
    authorize,
    async credentialsFor(grant) {
      if (issuer !== undefined) return issuer.issue(grant)
      throw new ConfigError(
        'UNSUPPORTED',
        'expected a broker that keeps its tasks to sign credentials with, got one that does not',
      )
    },
  }
}
