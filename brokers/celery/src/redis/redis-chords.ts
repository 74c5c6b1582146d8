/** Chords counted in Redis, so that whoever finishes the last member of a header sends the body (celery.md 15.3). */
import type { ChordCounter, ChordMember, ChordPart } from '../result-backend.ts'
import { parsePython, writePython } from '../wire/python-json.ts'
import { isResultTuple } from '../wire/result-json.ts'
import type { ResultTuple } from '../wire/result-record.ts'
import type { RedisLink } from './redis-link.ts'
import { refused } from './redis-refusal.ts'
import type { ResultKeys } from './result-keys.ts'

export interface ChordsPlace {
  readonly link: RedisLink
  readonly keys: ResultKeys
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
    const saved = nested === undefined ? [] : [this.#set(this.#place.keys.group(group), writePython({ result: nested }))]
    await Promise.all([this.#set(sizeKey, String(size)), ...saved]).catch(refuse)
  }

  async nested(group: string): Promise<ResultTuple | undefined> {
    const key = this.#place.keys.group(group)
    const text = (await this.#place.link.persist((line) => line.ask(['GET', key])).catch(refuse)) as string | null
    const saved = text === null ? undefined : (parsePython(text).carried as { readonly result?: unknown } | null)
    return isResultTuple(saved?.result) ? saved.result : undefined
  }

  async report({ group, index, id, state, result }: ChordPart): Promise<readonly ChordMember[] | undefined> {
    const { link, keys, isOrdered } = this.#place
    const score = isOrdered ? (index ?? '+inf') : ''
    const part = writePython([1, id, state, result ?? null])
    const parts = (await link
      .persist((line, isRepeated) => line.run('part', keys.chord(group), [this.#lifeMs, score, part, isRepeated ? 1 : 0]))
      .catch(refuse)) as readonly string[] | null
    return parts === null ? undefined : parts.map(memberOf)
  }

  async end(group: string): Promise<void> {
    await this.#place.link.persist((line) => line.ask(['DEL', ...this.#place.keys.chord(group)])).catch(refuse)
  }

  #set(key: string, value: string): Promise<unknown> {
    const life = this.#lifeMs === 0 ? [] : ['PX', this.#lifeMs]
    return this.#place.link.persist((line) => line.ask(['SET', key, value, ...life]))
  }
}

/** As it is to be passed on to the body. */
function memberOf(part: string): ChordMember {
  const [, id, state, result] = parsePython(part).carried as readonly [unknown, string, string, unknown]
  return { id, state, result }
}

function refuse(error: Error): never {
  throw refused(error)
}
