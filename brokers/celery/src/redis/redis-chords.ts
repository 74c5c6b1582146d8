/** Chords counted in Redis, so that whoever finishes the last member of a header sends the body (celery.md 15.3). */
import { ProtocolError, shown } from '@lovage/core'
import type { ChordCounter, ChordMember, ChordPart } from '../result-backend.ts'
import { isResultTuple } from '../wire/result-json.ts'
import type { ResultTuple } from '../wire/result-record.ts'
import type { StoredContent } from '../wire/stored-content.ts'
import type { RedisLink } from './redis-link.ts'
import { refused } from './redis-refusal.ts'
import type { ResultKeys } from './result-keys.ts'

export interface ChordsPlace {
  readonly link: RedisLink
  readonly keys: ResultKeys
  readonly content: StoredContent
  /** Undefined: for ever. */
  readonly expiresMs: number | undefined
  /** Parts in the order of the header, or in the order in which they come. */
  readonly isOrdered: boolean
}

export class RedisChords implements ChordCounter {
  readonly #place: ChordsPlace
  readonly #lifeMs: number

  constructor(place: ChordsPlace) {
    this.#place = place
    this.#lifeMs = Math.ceil(place.expiresMs ?? 0)
  }

  async begin(group: string, size: number, nested?: ResultTuple): Promise<void> {
    const [, sizeKey] = this.#place.keys.chord(group)
    const saved =
      nested === undefined ? [] : [this.#set(this.#place.keys.group(group), this.#place.content.write({ result: nested }))]
    await Promise.all([this.#set(sizeKey, String(size)), ...saved]).catch(refuse)
  }

  async nested(group: string): Promise<ResultTuple | undefined> {
    const key = this.#place.keys.group(group)
    const { link, content } = this.#place
    const stored = (await link.persist((line) => line.ask(['GET', key], true)).catch(refuse)) as Buffer | null
    const saved = stored === null ? undefined : (content.read(stored).carried as { readonly result?: unknown } | null)
    return isResultTuple(saved?.result) ? saved.result : undefined
  }

  async report({ group, index, id, state, result }: ChordPart): Promise<readonly ChordMember[] | undefined> {
    const { link, keys, content, isOrdered } = this.#place
    const score = isOrdered ? (index ?? '+inf') : ''
    const part = content.write([1, id, state, result ?? null])
    const parts = (await link
      .persist((line, isRepeated) => line.run('part', keys.chord(group), [this.#lifeMs, score, part, isRepeated ? 1 : 0], true))
      .catch(refuse)) as readonly Buffer[] | null
    return parts?.map((stored) => memberOf(content.read(stored).carried))
  }

  async end(group: string): Promise<void> {
    await this.#place.link.persist((line) => line.ask(['DEL', ...this.#place.keys.chord(group)])).catch(refuse)
  }

  #set(key: string, value: string | Buffer): Promise<unknown> {
    const life = this.#lifeMs === 0 ? [] : ['PX', this.#lifeMs]
    return this.#place.link.persist((line) => line.ask(['SET', key, value, ...life]))
  }
}

/** As it is to be passed on to the body. */
function memberOf(part: unknown): ChordMember {
  const [, id, state, result] = Array.isArray(part) ? part : []
  if (typeof id !== 'string' || typeof state !== 'string') {
    throw new ProtocolError('PROTOCOL_INVALID', `expected the part of a chord, [1, id, state, result], got: ${shown(part)}`)
  }
  return { id, state, result }
}

function refuse(error: Error): never {
  throw refused(error)
}
