/** The text of a worker's token: its id, by which it is looked up, and a secret, of which only the hash is kept. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** Found by scanners for secrets, and by the people who are to read what it is. */
const prefix = 'lovage'
const pattern = /^lovage-([a-z2-7]{8})-([\w-]{43})$/

export interface TokenText {
  readonly id: string
  readonly secret: string
}

/** 256 random bits behind an id of 40. */
export function newTokenText(): TokenText {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  const id = [...randomBytes(8)].map((byte) => letters[byte % letters.length]).join('')
  return { id, secret: randomBytes(32).toString('base64url') }
}

export function writeToken({ id, secret }: TokenText): string {
  return `${prefix}-${id}-${secret}`
}

/** Undefined when it is no token of ours. */
export function readToken(text: string): TokenText | undefined {
  const [, id, secret] = pattern.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/** What is kept of a secret. It is random and long, so that one round is enough. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** In a time that does not tell how much of it is right. */
export function isSecretOf(hash: string, secret: string): boolean {
  const [kept, shown] = [Buffer.from(hash), Buffer.from(hashOf(secret))]
  return kept.length === shown.length && timingSafeEqual(kept, shown)
}
