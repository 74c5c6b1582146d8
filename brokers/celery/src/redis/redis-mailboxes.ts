/** Queues of one owner: channels of pub/sub, and lists for replies. What comes is heard once and kept nowhere. */
import type { Arrival, Mailbox, MailboxBinding } from '../transport.ts'
import { foreignArrival, readEnvelope } from './envelope.ts'
import { type KombuLayout, topicPattern } from './kombu-layout.ts'
import { LineLost, type RedisLine } from './redis-line.ts'
import type { Lodger, RedisLink } from './redis-link.ts'

/** Something that listens: to channels, or to lists. */
interface Ear {
  readonly patterns: readonly string[]
  readonly lists: readonly string[]
  /** Members of the sets of bindings, by their keys. */
  readonly bindings: readonly (readonly [key: string, member: string])[]
  onText(text: string): void
}

const mostAtOnce = 100

export class RedisMailboxes implements Lodger {
  readonly #link: RedisLink
  readonly #layout: KombuLayout
  readonly #ears = new Set<Ear>()
  readonly #draining = new Set<Ear>()
  readonly #woken = new Set<Ear>()

  constructor(link: RedisLink, layout: KombuLayout) {
    this.#link = link
    this.#layout = layout
  }

  /** Hears what comes to a mailbox until the answer is called. */
  listen({ name, binding }: Mailbox, onArrival: (arrival: Arrival) => void): Promise<() => Promise<void>> {
    const isHeard = binding !== undefined && isPublished(binding)
    return this.#open({
      patterns: isHeard ? binding.routingKeys.map((key) => this.#layout.channelPattern(binding.exchange, key)) : [],
      lists: isHeard ? [] : this.#layout.lists(name),
      bindings: (binding?.routingKeys ?? []).map((key) => this.#binding(binding as MailboxBinding, key, name)),
      onText: (text) => onArrival(readEnvelope(text) ?? foreignArrival(text)),
    })
  }

  /** Hears what is said to a fanout exchange until the answer is called. */
  hear(queue: string, binding: MailboxBinding, onArrival: (arrival: Arrival) => void): Promise<() => Promise<void>> {
    return this.listen({ name: queue, binding, expiresMs: 0 }, onArrival)
  }

  patternMessage(pattern: string, text: string): void {
    for (const ear of [...this.#ears]) if (ear.patterns.includes(pattern)) ear.onText(text)
  }

  /** Something may have come to these lists; undefined: to any. */
  wake(lists?: readonly string[]): void {
    const { line } = this.#link
    if (line === undefined) return
    for (const ear of this.#ears) {
      if (ear.lists.length > 0 && (lists === undefined || lists.some((list) => ear.lists.includes(list)))) this.#drain(line, ear)
    }
  }

  async enter(line: RedisLine): Promise<void> {
    for (const ear of this.#ears) await this.#enterOne(line, ear)
  }

  async #open(ear: Ear): Promise<() => Promise<void>> {
    await this.#link.persist(async (line) => {
      this.#ears.add(ear)
      await this.#enterOne(line, ear)
    })
    return () => this.#leave(ear)
  }

  async #enterOne(line: RedisLine, ear: Ear): Promise<void> {
    await Promise.all(ear.bindings.map(([key, member]) => line.ask(['SADD', key, member])))
    if (ear.patterns.length > 0) await line.subscribe('PSUBSCRIBE', ear.patterns)
    if (ear.lists.length > 0) this.#drain(line, ear)
  }

  async #leave(ear: Ear): Promise<void> {
    if (!this.#ears.delete(ear)) return
    const { line } = this.#link
    if (line === undefined) return
    const others = new Set([...this.#ears].flatMap(({ patterns }) => patterns))
    const silent = ear.patterns.filter((pattern) => !others.has(pattern))
    const unbound = ear.bindings.map(([key, member]) => line.ask(['SREM', key, member]))
    const gone = ear.lists.length === 0 ? [] : [line.ask(['DEL', ...ear.lists])]
    const unheard = silent.length === 0 ? [] : [line.subscribe('PUNSUBSCRIBE', silent)]
    await Promise.all([...unbound, ...gone, ...unheard]).catch((error: Error) => {
      // With the line everything that was heard is gone; a binding that stays leads to a list that nobody reads.
      if (!(error instanceof LineLost)) throw error
    })
  }

  /** Takes what is there until Redis has promised to tell when there is more. */
  #drain(line: RedisLine, ear: Ear): void {
    if (this.#draining.has(ear)) {
      this.#woken.add(ear)
      return
    }
    this.#draining.add(ear)
    this.#takeAll(line, ear)
      .catch(() => {})
      .finally(() => {
        this.#draining.delete(ear)
        if (this.#woken.delete(ear) && this.#link.line !== undefined) this.#drain(this.#link.line, ear)
      })
  }

  async #takeAll(line: RedisLine, ear: Ear): Promise<void> {
    for (let filled = 1; filled > 0 && this.#ears.has(ear); ) {
      const [texts, count] = await Promise.all([
        line.run('drain', ear.lists, [mostAtOnce]) as Promise<readonly string[]>,
        line.watch(ear.lists),
      ])
      for (const text of texts) ear.onText(text)
      filled = count
    }
  }

  #binding({ exchange, exchangeType }: MailboxBinding, routingKey: string, queue: string): readonly [string, string] {
    const pattern = exchangeType === 'topic' && !isPublished({ exchangeType }) ? topicPattern(routingKey) : ''
    return [this.#layout.bindings(exchange), this.#layout.member({ routingKey, pattern, queue })]
  }
}

/** Topic exchanges of mailboxes are those of events, which are fanout exchanges on Redis. */
export function isPublished({ exchangeType }: Pick<MailboxBinding, 'exchangeType'>): boolean {
  return exchangeType !== 'direct'
}
