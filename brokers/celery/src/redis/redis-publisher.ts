/** What goes out to Redis: into lists, where it stays, and to channels, where whoever listens hears it. */
import { randomUUID } from 'node:crypto'
import type { MailboxBinding, Publication } from '../transport.ts'
import { writeEnvelope } from './envelope.ts'
import { type KombuLayout, queuesFor } from './kombu-layout.ts'
import type { RedisLine } from './redis-line.ts'
import type { Lodger, RedisLink } from './redis-link.ts'
import { isPublished } from './redis-mailboxes.ts'
import type { RedisSettings } from './redis-options.ts'
import { refused } from './redis-refusal.ts'
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
  resolve(): void
  reject(error: Error): void
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

  /** Resolves when all are in Redis. @throws {StoreError} STORE_FULL, STORE_UNAVAILABLE, STORE_CLOSED */
  async publish(publications: readonly Publication[]): Promise<void> {
    const letters = await this.#addressed(publications)
    await new Promise<void>((resolve, reject) => {
      this.#posts.push({ letters, resolve, reject })
      this.#schedule()
    })
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
    const letters = posts.flatMap((post) => post.letters)
    const lists = new Map<string, Letter[]>()
    for (const letter of letters) {
      for (const list of letter.lists) {
        const there = lists.get(list)
        if (there === undefined) lists.set(list, [letter])
        else there.push(letter)
      }
    }
    const put = [...lists].map(([list, some]) => this.#put(list, some))
    const heard = letters.map((letter) => this.#publishOne(letter))
    Promise.all([...put, ...heard]).then(
      () => {
        this.#stirred([...lists.keys()])
        for (const { resolve } of posts) resolve()
      },
      (error: Error) => {
        for (const { reject } of posts) reject(refused(error))
      },
    )
  }

  async #put(list: string, letters: readonly Letter[]): Promise<void> {
    await this.#link.persist((line, isRepeated) =>
      isRepeated
        ? // They may have arrived before the line broke, and may be taken by now.
          line.run(
            'putOnce',
            [this.#settings.unacked],
            letters.flatMap(({ tag, envelope }) => [tag, list, envelope]),
          )
        : line.ask(['LPUSH', list, ...letters.map(({ envelope }) => envelope)]),
    )
  }

  async #publishOne({ channel, envelope }: Letter): Promise<void> {
    if (channel !== undefined) await this.#link.persist((line) => line.ask(['PUBLISH', channel, envelope]))
  }
}
