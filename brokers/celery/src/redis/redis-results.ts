/** Results of tasks in Redis, as Celery's `redis://` result backend keeps them. */

import type { Buffer } from 'node:buffer'
import type { ConnectionOptions } from 'node:tls'
import { type Clock, ConfigError, checkOptionNames, LovageError, type OptionNames, ProtocolError, shown } from '@lovage/core'
import type { ResultBackend, ResultEntry, ResultWaiting } from '../result-backend.ts'
import { AwaitedRecords } from '../results/awaited-records.ts'
import type { Serializer } from '../wire/content.ts'
import { decodeResultRecord, writeResultRecord } from '../wire/result-json.ts'
import type { ResultRecord } from '../wire/result-record.ts'
import { type StoredContent, storedContent } from '../wire/stored-content.ts'
import { redisAddress } from './redis-address.ts'
import { RedisChords } from './redis-chords.ts'
import type { RedisLine } from './redis-line.ts'
import { type Lodger, RedisLink } from './redis-link.ts'
import { linkTimes } from './redis-options.ts'
import { refused, wrongKey } from './redis-refusal.ts'
import { type ResultKeys, resultKeys } from './result-keys.ts'

/** Celery's `result_backend_transport_options`, as far as they mean something here. */
export interface RedisResultOptions {
  /** What every key begins with; a `_` follows unless it ends in one of `:_-.`. Default empty. */
  readonly global_keyprefix?: string | undefined
  /** Whether the results of a chord's header come in its order, or as they end. Default true. */
  readonly result_chord_ordered?: boolean | undefined
  /** Seconds between questions whether a silent connection is alive. Default 25. */
  readonly health_check_interval?: number | undefined
  /** Seconds that connecting may take. Default 10. */
  readonly socket_connect_timeout?: number | undefined
}

const names: OptionNames<RedisResultOptions> = {
  global_keyprefix: true,
  result_chord_ordered: true,
  health_check_interval: true,
  socket_connect_timeout: true,
}

export interface RedisResultsPlan {
  /** `redis://`, `rediss://` or `redis+socket://`. */
  readonly url: string
  readonly clock: Clock
  readonly replyTo: string
  /** Undefined: results do not expire. */
  readonly expiresMs: number | undefined
  readonly options?: RedisResultOptions | undefined
  /** What settings say of TLS; the URL may say more. */
  readonly tls?: ConnectionOptions | undefined
  /** What records are written in, and read in. Default `json`. */
  readonly serializer?: Serializer | undefined
  /** A record that is none, or in other content. */
  readonly onBadRecord: (error: Error) => void
}

/** One command takes no more keys. */
const mostAtOnce = 500

/**
 * Joins Redis.
 * @throws {ConfigError} OPTION_INVALID, URL_UNSUPPORTED; UNSUPPORTED by a Redis older than 6
 * @throws {StoreError} STORE_UNAVAILABLE when it cannot be reached; once it was, it is tried for ever
 */
export async function openRedisResults(plan: RedisResultsPlan): Promise<ResultBackend> {
  const options = plan.options ?? {}
  checkOptionNames(options, names, '`result_backend_transport_options` on Redis')
  const { global_keyprefix: prefix = '' } = options
  if (typeof prefix !== 'string') {
    throw new ConfigError('OPTION_INVALID', `expected \`global_keyprefix\` to be a text, got: ${shown(prefix)}`)
  }
  let results: RedisResults | undefined
  const link = await RedisLink.open({ address: redisAddress(plan.url, plan.tls), ...linkTimes(options) }, plan.clock, {
    message: (channel, stored) => results?.message(channel, stored),
    patternMessage() {},
    invalidated() {},
  })
  results = new RedisResults(link, plan, resultKeys(prefix))
  await link.lodge(results)
  return results
}

/** What is wrong with keys, by name; mostly nothing is. */
type Wrong = ReadonlyMap<string, string>

/** States that are stored together. */
interface Batch {
  readonly records: { readonly key: string; readonly stored: string | Buffer }[]
  readonly answered: Promise<Wrong>
  answer(wrong: Promise<Wrong>): void
}

class RedisResults implements ResultBackend, Lodger {
  readonly kind = 'redis'
  readonly replyTo: string
  readonly chords: RedisChords
  readonly #link: RedisLink
  readonly #plan: RedisResultsPlan
  readonly #keys: ResultKeys
  readonly #content: StoredContent
  readonly #records: AwaitedRecords
  /** How many wait for each task. */
  readonly #awaited = new Map<string, number>()
  /** Not yet subscribed to. */
  #joining: string[] = []
  #leaving: string[] = []
  #storing: Batch | undefined

  constructor(link: RedisLink, plan: RedisResultsPlan, keys: ResultKeys) {
    this.#link = link
    this.#plan = plan
    this.#keys = keys
    this.replyTo = plan.replyTo
    this.#records = new AwaitedRecords(plan.clock)
    const isOrdered = plan.options?.result_chord_ordered ?? true
    this.#content = storedContent(plan.serializer ?? 'json')
    this.chords = new RedisChords({ link, keys, content: this.#content, expiresMs: plan.expiresMs, isOrdered })
  }

  /** What is stored is found whenever somebody begins to wait. */
  async expect(): Promise<void> {}

  async store(entries: readonly ResultEntry[]): Promise<void> {
    const records = entries.map(({ record }) => {
      return { key: this.#keys.task(record.taskId), stored: writeResultRecord(record, this.#content) }
    })
    if (this.#storing === undefined) this.#atEndOfTurn(() => this.#flush())
    this.#storing ??= gathered()
    this.#storing.records.push(...records)
    const wrong = await this.#storing.answered
    const bad = wrong.size === 0 ? undefined : records.find(({ key }) => wrong.has(key))
    if (bad !== undefined) throw wrongKey(bad.key, wrong.get(bad.key) ?? '')
  }

  async get(ids: readonly string[]): Promise<readonly (ResultRecord | undefined)[]> {
    const records = await this.#read(ids)
    return records.map((stored, index) => this.#decode(ids[index] ?? '', stored))
  }

  async wait(id: string, options: ResultWaiting = {}): Promise<ResultRecord> {
    options.signal?.throwIfAborted()
    const awaited = this.#records.wait(id, options)
    this.#join(id)
    try {
      return await awaited
    } finally {
      this.#leave(id)
    }
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#records.forget(id)
    await this.#persist(chunks(ids), (line, some) => line.ask(['DEL', ...some.map((id) => this.#keys.task(id))]))
  }

  message(channel: string, stored: Buffer): void {
    this.#hear(this.#keys.idOf(channel), stored)
  }

  async enter(line: RedisLine): Promise<void> {
    await this.#subscribe(line, [...this.#awaited.keys()])
  }

  /** Ends what waits, with this error. */
  end(error: Error): void {
    this.#records.close(error)
  }

  async close(): Promise<void> {
    this.#link.dislodge(this)
    await this.#link.close()
  }

  #flush(): void {
    const batch = this.#storing
    this.#storing = undefined
    batch?.answer(this.#store(batch))
  }

  async #store({ records }: Batch): Promise<Wrong> {
    const lifeMs = Math.ceil(this.#plan.expiresMs ?? 0)
    const parts = chunks(records)
    const answers = await this.#persist(parts, (line, some) =>
      line.run(
        'store',
        some.map(({ key }) => key),
        [lifeMs, ...some.map(({ stored }) => stored)],
      ),
    )
    const wrong = new Map<string, string>()
    for (const [index, part] of parts.entries()) {
      const said = answers[index] as 0 | readonly string[]
      if (said === 0) continue
      for (const [at, { key }] of part.entries()) if (said[at] !== '') wrong.set(key, String(said[at]))
    }
    return wrong
  }

  #join(id: string): void {
    const others = this.#awaited.get(id) ?? 0
    this.#awaited.set(id, others + 1)
    this.#joining.push(id)
    if (this.#joining.length > 1) return
    this.#atEndOfTurn(() => {
      const ids = this.#joining
      this.#joining = []
      // A line that breaks or is not there: the next one subscribes to all of them.
      const { line } = this.#link
      if (line !== undefined) this.#subscribe(line, ids).catch(() => {})
    })
  }

  #leave(id: string): void {
    const others = (this.#awaited.get(id) ?? 1) - 1
    if (others > 0) {
      this.#awaited.set(id, others)
      return
    }
    this.#awaited.delete(id)
    this.#records.forget(id)
    this.#leaving.push(id)
    if (this.#leaving.length > 1) return
    this.#atEndOfTurn(() => {
      const ids = this.#leaving.filter((each) => !this.#awaited.has(each))
      this.#leaving = []
      const { line } = this.#link
      for (const some of line === undefined ? [] : chunks(ids)) {
        line
          ?.subscribe(
            'UNSUBSCRIBE',
            some.map((each) => this.#keys.task(each)),
          )
          .catch(() => {})
      }
    })
  }

  /** First it listens, then it looks, so that nothing falls between the two. */
  async #subscribe(line: RedisLine, ids: readonly string[]): Promise<void> {
    const parts = chunks(ids).map(async (some) => {
      const keys = some.map((id) => this.#keys.task(id))
      await line.subscribe('SUBSCRIBE', keys)
      const found = (await line.ask(['MGET', ...keys], true)) as readonly (Buffer | null)[]
      for (const [index, stored] of found.entries()) this.#hear(some[index] ?? '', stored)
    })
    await Promise.all(parts)
  }

  async #read(ids: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const parts = await this.#persist(chunks(ids), (line, some) => {
      return line.ask(['MGET', ...some.map((id) => this.#keys.task(id))], true)
    })
    return (parts as readonly (readonly (Buffer | null)[])[]).flat()
  }

  async #persist<Item>(
    parts: readonly (readonly Item[])[],
    work: (line: RedisLine, part: readonly Item[]) => Promise<unknown>,
  ): Promise<readonly unknown[]> {
    try {
      return await Promise.all(parts.map((part) => this.#link.persist((line) => work(line, part))))
    } catch (error) {
      throw refused(error as Error)
    }
  }

  /** What stands or is told of a task that somebody waits for. */
  #hear(id: string, stored: Buffer | null): void {
    if (!this.#awaited.has(id)) return
    const record = this.#decode(id, stored, (error) => this.#records.fail(id, error))
    if (record !== undefined) this.#records.add(record)
  }

  #decode(id: string, stored: Buffer | null, onBad?: (error: Error) => void): ResultRecord | undefined {
    if (stored === null) return undefined
    try {
      return decodeResultRecord(stored, this.#content)
    } catch (cause) {
      const said = LovageError.is(cause) ? cause.rawMessage : String(cause)
      const error = new ProtocolError('PROTOCOL_INVALID', `${said}, as the result of task ${id}`, { cause, subject: id })
      this.#plan.onBadRecord(error)
      onBad?.(error)
      return undefined
    }
  }

  #atEndOfTurn(callback: () => void): void {
    const { line } = this.#link
    if (line !== undefined) line.beforeFlush(callback)
    else setImmediate(callback)
  }
}

function chunks<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const parts: (readonly Item[])[] = []
  for (let from = 0; from < items.length; from += mostAtOnce) parts.push(items.slice(from, from + mostAtOnce))
  return parts
}

function gathered(): Batch {
  let answer: Batch['answer'] = () => {}
  const answered = new Promise<Wrong>((resolve) => {
    answer = resolve
  })
  return { records: [], answered, answer }
}
