/** Tokens of workers: made, listed and revoked by whoever has the store. */
import {
  ConfigError,
  checkName,
  checkOptionNames,
  type Desk,
  type Duration,
  durationMs,
  type EventBus,
  type OptionNames,
  StoreError,
  shown,
} from '@lovage/core'
import { limits } from '../wire/limits.ts'
import { TokenBook, type TokenEntry } from './token-book.ts'
import { hashOf, newTokenText, writeToken } from './token-text.ts'

export interface TokenOptions {
  /** Ids that its workers may have: exact, or with a `*` at the end for all that begin so. Default: any. */
  readonly ids?: readonly string[] | undefined
  /** Queues that they may serve, likewise. Default: those that `ids` names, as a worker's own queue has its name; any without `ids`. */
  readonly queues?: readonly string[] | undefined
  /** How long it is good for. Default: until it is revoked. */
  readonly expires?: Duration | undefined
  /** For people: who has it, or what for. */
  readonly name?: string | undefined
}

/** A token without its secret. */
export interface TokenInfo {
  readonly id: string
  readonly name?: string | undefined
  readonly ids: readonly string[]
  readonly queues: readonly string[]
  readonly createdAt: Date
  readonly expiresAt?: Date | undefined
  readonly isExpired: boolean
}

export interface WorkerTokens {
  /** The text is in this answer and nowhere else. @throws {ConfigError} OPTION_INVALID, NAME_INVALID, DURATION_INVALID */
  create(options?: TokenOptions): Promise<TokenInfo & { readonly token: string }>
  /** The newest first. */
  list(): Promise<readonly TokenInfo[]>
  /** From now on nobody comes in with it; workers that are in are sent away. False when there is none of that id. */
  revoke(id: string): Promise<boolean>
}

/** What tokens need of a broker. */
export interface TokenHome {
  readonly desk?: Pick<Desk, 'records' | 'now'> | undefined
  /** Tells gateways of a revocation at once. Without it they find out within a third of their lease. */
  readonly events?: Pick<EventBus, 'emit'> | undefined
}

/** The type of the event that tells of a revocation; `token` is the id. */
export const tokenRevoked = 'token-revoked'

const optionNames: OptionNames<TokenOptions> = { ids: true, queues: true, expires: true, name: true }

/** @throws {ConfigError} UNSUPPORTED for a broker that keeps nothing */
export function workerTokens({ desk, events }: TokenHome): WorkerTokens {
  if (desk === undefined) {
    throw new ConfigError(
      'UNSUPPORTED',
      'expected a broker that keeps its tasks, and tokens of workers beside them, got one that does not',
    )
  }
  const book = new TokenBook(desk.records)
  return {
    async create(options = {}) {
      const entry = entryOf(options, desk.now())
      for (let tries = 0; tries < 3; tries++) {
        const text = newTokenText()
        const written = { ...entry, hash: hashOf(text.secret) }
        if (await book.add(text.id, written)) return { ...infoOf(text.id, written, desk.now()), token: writeToken(text) }
      }
      throw new StoreError('STORE_BUSY', 'expected an id for a token that is not taken, got three that are; try again')
    },
    async list() {
      const now = desk.now()
      const all = (await book.list()).map(({ id, ...entry }) => infoOf(id, entry, now))
      return all.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())
    },
    async revoke(id) {
      const wasThere = await book.remove(id)
      if (wasThere) events?.emit({ type: tokenRevoked, at: desk.now(), worker: '', token: id })
      return wasThere
    },
  }
}

function entryOf(options: TokenOptions, now: number): Omit<TokenEntry, 'hash'> {
  checkOptionNames(options, optionNames, 'a token')
  const { ids = ['*'], queues = ids, expires, name } = options
  if (name !== undefined && (typeof name !== 'string' || name.trim() === '' || name.length > limits.nameCharacters)) {
    refuse('name', `a text of 1 to ${limits.nameCharacters} characters`, name)
  }
  const lifeMs = expires === undefined ? undefined : durationMs(expires, 'expires')
  if (lifeMs === 0) refuse('expires', 'longer than nothing', expires)
  return {
    ...(name === undefined ? {} : { name }),
    ...{ ids: patterns('ids', 'worker', ids), queues: patterns('queues', 'queue', queues), createdAt: now },
    ...(lifeMs === undefined ? {} : { expiresAt: now + lifeMs }),
  }
}

function patterns(option: string, what: string, given: readonly string[]): readonly string[] {
  if (!Array.isArray(given) || given.length === 0 || given.length > limits.queues) {
    refuse(option, `a list of 1 to ${limits.queues} names such as "images" or "img-*"`, given)
  }
  for (const pattern of given) {
    checkName(pattern, what)
    if (pattern.slice(0, -1).includes('*')) refuse(option, 'names with a * at the end alone', pattern)
  }
  return [...new Set(given)]
}

function refuse(option: string, expected: string, got: unknown): never {
  throw new ConfigError('OPTION_INVALID', `expected \`${option}\` to be ${expected}, got: ${shown(got)}`)
}

function infoOf(id: string, { name, ids, queues, createdAt, expiresAt }: TokenEntry, now: number): TokenInfo {
  return {
    ...{ id, ...(name === undefined ? {} : { name }), ids, queues, createdAt: new Date(createdAt) },
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
    isExpired: expiresAt !== undefined && expiresAt <= now,
  }
}
