/** Secrets of workers: of 44 characters, and kept as a hash alone. */
import { createHash } from 'node:crypto'
import { isSameSecret } from '../auth/access-client.ts'
import { slugid } from '../auth/temporary-credentials.ts'

export function newSecret(): string {
  return slugid() + slugid()
}

/** SHA-256 as hex: such secrets are too long to be guessed from it. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Whether it is the secret of the hash, in a time that does not say how much of it is right. */
export function isSecretOf(secret: string, hash: string | undefined): boolean {
  return hash !== undefined && isSameSecret(hashOf(secret), hash)
}
