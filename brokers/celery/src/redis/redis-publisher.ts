/** What goes out to Redis: into lists, where it stays, and to channels, where whoever listens hears it. */
import { randomUUID } from 'node:crypto'
import type { MailboxBinding, Publication } from '../transport.ts'
import { untilWithdrawn } from '../until-withdrawn.ts'
import { writeEnvelope } from './envelope.ts'
import { type KombuLayout, queuesFor } from './kombu-layout.ts'
import type { RedisLine } from './redis-line.ts'
import type { Lodger, RedisLink } from './redis-link.ts'
import { isPublished } from './redis-mailboxes.ts'
import type { RedisSettings } from './redis-options.ts'
import { notForUs, refused } from './redis-refusal.ts'
import { bindingsOf } from './redis-restorer.ts'

/** One message on its way: into some lists, or to a channel. */
interface Letter {
  readonly tag: string
  readonly envelope: string
  readonly lists: readonly string[]
  readonly channel: string | undefined
}

/** Messages of one call, until Redis has them. */
interface Post {
  readonly letters: readonly Letter[]
  readonly signal: AbortSignal | undefined
  /** How often a letter of it is in a list, or on its way there. */
  written: number
  isWithdrawn: boolean
  resolve(): void
  reject(error: Error): void
}

/** A letter for a list, and the call that it is of. */
interface Item {
  readonly letter: Letter
  readonly post: Post
}

/** What could not be told while there was no connection; the oldest goes first. */
const mostKept = 1000

export class RedisPublisher implements Lodger {
  readonly #link: RedisLink
  readonly #settings: RedisSettings
  readonly #layout: KombuLayout
  readonly #stirred: (lists: readonly string[]) => void
  /** Exchanges whose messages are published. */
  readonly #fanouts = new Set<string>()
  #posts: Post[] = []
  #isScheduled = false
  #kept: { readonly binding: MailboxBinding | undefined; readonly publication: Publication }[] = []

  constructor(link: RedisLink, settings: RedisSettings, layout: KombuLayout, stirred: (lists: readonly string[]) => void) {
    this.#link = link
    this.#settings = settings
    this.#layout = layout
    this.#stirred = stirred
  }

  /** From now on messages to this exchange are published, and stand in no list. */
  fanOut(exchange: string): void {
    this.#fanouts.add(exchange)
  }

  /**
   * Resolves when all are in Redis.
   * @param signal withdraws them while none is there or on its way
   * @throws {StoreError} STORE_FULL, STORE_UNAVAILABLE, STORE_CLOSED; and the reason of the signal
   */
  async publish(publications: readonly Publication[], signal?: AbortSignal): Promise<void> {
    const letters = await untilWithdrawn(this.#addressed(publications), signal)
    let withdraw: () => void = () => {}
    try {
      await new Promise<void>((resolve, reject) => {
        const post: Post = { letters, signal, written: 0, isWithdrawn: false, resolve, reject }
        withdraw = () => void isWanted(post)
        if (!isWanted(post)) return
        signal?.addEventListener('abort', withdraw)
        this.#posts.push(post)
        this.#schedule()
      })
    } finally {
      signal?.removeEventListener('abort', withdraw)
    }
  }

  /** Never waits and never throws. */
  tell(binding: MailboxBinding | undefined, publication: Publication): void {
    const { line } = this.#link
    if (line !== undefined) {
      this.#say(line, binding, publication)
      return
    }
    if (this.#kept.length === mostKept) this.#kept.shift()
    this.#kept.push({ binding, publication })
  }

  async enter(line: RedisLine): Promise<void> {
    const kept = this.#kept
    this.#kept = []
    for (const { binding, publication } of kept) this.#say(line, binding, publication)
  }

  #say(line: RedisLine, binding: MailboxBinding | undefined, publication: Publication): void {
    const said = this.#saying(line, binding, publication)
    // At most once: who cannot be told now is not told.
    said.catch(() => {})
  }

  async #saying(line: RedisLine, binding: MailboxBinding | undefined, publication: Publication): Promise<void> {
    const { exchange, routingKey, properties } = publication
    const envelope = writeEnvelope(publication, randomUUID())
    if (binding === undefined ? this.#fanouts.has(exchange) : isPublished(binding)) {
      await line.ask(['PUBLISH', this.#layout.channel(exchange, routingKey), envelope])
      return
    }
    const queues = exchange === '' ? [routingKey] : queuesFor(await bindingsOf(line, this.#layout, exchange), routingKey)
    const lists = queues.map((queue) => this.#layout.list(queue, properties.priority))
    await Promise.all(lists.map((list) => line.ask(['LPUSH', list, envelope])))
    this.#stirred(lists)
  }

  async #addressed(publications: readonly Publication[]): Promise<readonly Letter[]> {
    const exchanges = new Set(
      publications.map(({ exchange }) => exchange).filter((name) => name !== '' && !this.#fanouts.has(name)),
    )
    const tables = new Map<string, Awaited<ReturnType<typeof bindingsOf>>>()
    for (const exchange of exchanges) {
      tables.set(exchange, await this.#link.persist((line) => bindingsOf(line, this.#layout, exchange)))
    }
    return publications.map((publication) => {
      const { exchange, routingKey, properties } = publication
      const tag = randomUUID()
      const envelope = writeEnvelope(publication, tag)
      if (this.#fanouts.has(exchange)) return { tag, envelope, lists: [], channel: this.#layout.channel(exchange, routingKey) }
      const queues = exchange === '' ? [routingKey] : queuesFor(tables.get(exchange) ?? [], routingKey)
      return { tag, envelope, lists: queues.map((queue) => this.#layout.list(queue, properties.priority)), channel: undefined }
    })
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    const { line } = this.#link
    if (line !== undefined) line.beforeFlush(() => this.#flush())
    else setImmediate(() => this.#flush())
  }

  /** Everything of this turn goes out in one command per list. */
  #flush(): void {
    this.#isScheduled = false
    const posts = this.#posts
    this.#posts = []
    const lists = new Map<string, Item[]>()
    for (const post of posts) {
      for (const letter of post.letters) {
        for (const list of letter.lists) {
          const there = lists.get(list)
          if (there === undefined) lists.set(list, [{ letter, post }])
          else there.push({ letter, post })
        }
      }
    }
    const put = new Map([...lists].map(([list, items]) => [list, this.#put(list, items)]))
    for (const post of posts) {
      const { letters, resolve, reject } = post
      const own = new Set(letters.flatMap((letter) => letter.lists.map((list) => put.get(list))))
      const heard = letters.flatMap((letter) => (letter.channel === undefined ? [] : [this.#publishOne({ letter, post })]))
      Promise.all([...own, ...heard]).then(resolve, (error: Error) => reject(refused(error, notForUs)))
    }
  }

  async #put(list: string, items: readonly Item[]): Promise<void> {
    await this.#persist(items, (line, wanted, isRepeated) =>
      isRepeated
        ? // They may have arrived before the line broke, and may be taken by now.
          line.run(
            'putOnce',
            [this.#settings.unacked],
            wanted.flatMap(({ tag, envelope }) => [tag, list, envelope]),
          )
        : line.ask(['LPUSH', list, ...wanted.map(({ envelope }) => envelope)]),
    )
    this.#stirred([list])
  }

  async #publishOne(item: Item): Promise<void> {
    const { channel = '', envelope } = item.letter
    await this.#persist([item], (line) => line.ask(['PUBLISH', channel, envelope]))
  }

  /** Writes what is not withdrawn, and after a break again. */
  #persist(
    items: readonly Item[],
    write: (line: RedisLine, letters: readonly Letter[], isRepeated: boolean) => Promise<unknown>,
  ): Promise<void> {
    return this.#link.persist(async (line, isRepeated) => {
      const wanted = items.filter(({ post }) => isWanted(post))
      if (wanted.length === 0) return
      for (const { post } of wanted) post.written++
      try {
        await write(
          line,
          wanted.map(({ letter }) => letter),
          isRepeated,
        )
      } catch (error) {
        for (const { post } of wanted) post.written--
        throw error
      }
    })
  }
}

/** Whether it is to be written: the signal withdraws what is neither there nor on its way. */
function isWanted(post: Post): boolean {
  if (post.signal?.aborted !== true || post.written > 0) return !post.isWithdrawn
  post.isWithdrawn = true
  post.reject(post.signal.reason)
  return false
}
