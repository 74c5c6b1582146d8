/** What is to be said: gathered while a statement is under way, then said in one. */
import { setTimeout as delay } from 'node:timers/promises'
import { lockClass, type Place, unsigned } from './channel-name.ts'
import { framesOf } from './frame.ts'
import type { Query } from './line.ts'

/** A statement takes about so much; a message is never divided between two. */
const mostPerStatement = { messages: 2000, length: 1_000_000 }
/** What waits beyond this is dropped: the database does not answer, and signals are hints. */
const mostWaiting = { messages: 50_000, length: 32_000_000 }
/** Where nobody listened a moment ago, what comes within so many milliseconds is asked about at once: to ask takes as long as to insert. */
const quietMs = 10

/**
 * NOTIFY holds a lock of the whole cluster at commit, so nothing is said where no other session listens. Who listens holds
 * a lock that others can see.
 */
const statement = `
  with heard as materialized (
    select distinct objid::bigint as key from pg_locks
    where locktype = 'advisory' and objsubid = 2 and classid = $4::bigint::oid and granted and pid <> $5::int
      and database = (select oid from pg_database where datname = current_database())
  ), said as materialized (
    select pg_notify(name, payload) from unnest($1::text[], $2::text[], $3::bigint[]) as frame (name, payload, key)
    where key = any (array(select key from heard))
  )
  select (select count(*) from said)::int as said`

interface Letter {
  readonly place: Place
  readonly message: string
}

export interface OutboxOptions {
  readonly schema: string
  readonly origin: string
  readonly query: Query
  /** The server's process whose listening does not count: this process hears itself. */
  ownPid(): number
  /** Something was said that nobody heard. */
  onUnheard(): void
}

export class Outbox {
  readonly #options: OutboxOptions
  readonly #listeners: number
  /** In the order of publishing; the same words on the same channel once. */
  #waiting = new Map<string, Letter>()
  #length = 0
  #numbers = 0
  #sending: Promise<void> | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#listeners = unsigned(lockClass(options.schema, 'listener'))
  }

  post(place: Place, message: string): void {
    if (this.#waiting.size >= mostWaiting.messages || this.#length >= mostWaiting.length) return
    const key = `${place.name}${message}`
    if (this.#waiting.has(key)) return
    this.#waiting.set(key, { place, message })
    this.#length += message.length
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    })
  }

  /** Resolves when all that was posted is said or dropped. */
  async flushed(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending
  }

  async #send(): Promise<void> {
    // The rest of this tick goes with the first statement.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.size > 0) {
      const letters = this.#take()
      const { origin, query, ownPid, onUnheard } = this.#options
      const frames = letters.flatMap(({ place, message }) =>
        framesOf(origin, ++this.#numbers, message).map((payload) => ({ place, payload })),
      )
      const values = [
        frames.map(({ place }) => place.name),
        frames.map(({ payload }) => payload),
        frames.map(({ place }) => unsigned(place.key)),
        this.#listeners,
        ownPid(),
      ]
      const asked = performance.now()
      try {
        const [row] = await query(statement, values)
        if ((row?.said as number) < frames.length) onUnheard()
        if (row?.said === 0) await delay(Math.max(0, quietMs - (performance.now() - asked)))
      } catch {
        // Whoever cannot reach the database hears of it from the store; a signal may be lost.
      }
    }
  }

  #take(): readonly Letter[] {
    const letters: Letter[] = []
    let length = 0
    for (const [key, letter] of this.#waiting) {
      if (letters.length > 0 && length + letter.message.length > mostPerStatement.length) break
      if (letters.length === mostPerStatement.messages) break
      this.#waiting.delete(key)
      letters.push(letter)
      length += letter.message.length
    }
    this.#length -= length
    return letters
  }
}
