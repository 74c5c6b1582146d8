/** The book of tokens: a small document for each beside the tasks, so that all gateways of a store let in the same workers. */
import type { Records } from '@lovage/core'

/** What is kept of a token. Times are epoch milliseconds. */
export interface TokenEntry {
  readonly hash: string
  readonly name?: string | undefined
  readonly ids: readonly string[]
  readonly queues: readonly string[]
  readonly createdAt: number
  readonly expiresAt?: number | undefined
}

const kind = 'worker-token'

export class TokenBook {
  readonly #records: Records

  constructor(records: Records) {
    this.#records = records
  }

  async get(id: string): Promise<TokenEntry | undefined> {
    const stored = await this.#records.read(kind, id)
    return stored === undefined ? undefined : (JSON.parse(stored.value) as TokenEntry)
  }

  async list(): Promise<readonly (TokenEntry & { readonly id: string })[]> {
    const stored = await this.#records.list(kind)
    return stored.map(({ key, value }) => ({ id: key, ...(JSON.parse(value) as TokenEntry) }))
  }

  /** False when there is one of that id. */
  add(id: string, entry: TokenEntry): Promise<boolean> {
    return this.#records.write([{ kind, key: id, value: JSON.stringify(entry), version: 0 }])
  }

  /** False when there was none. */
  async remove(id: string): Promise<boolean> {
    const stored = await this.#records.read(kind, id)
    if (stored === undefined) return false
    await this.#records.write([{ kind, key: id, value: null }])
    return true
  }
}
