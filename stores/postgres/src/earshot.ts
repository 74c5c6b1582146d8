/**
 * Which channels others listen to, as far as this process knows.
 *
 * Whoever listens holds a shared advisory lock for the channel; the locks are read when a session begins. After that the
 * others say when they begin to listen, and wait until all have taken it in. That somebody ended is read again, now and then:
 * to believe in a listener who is gone costs a statement, to overlook one costs a wake-up.
 */
import { lockClass, type Place, placeOf, unsigned } from './channel-name.ts'
import type { Query } from './line.ts'

/** A process that is frozen or busy takes nothing in; it hears of the new listener before anything else later. */
const longestWaitMs = 200
const refreshEveryMs = 1000

export interface EarshotOptions {
  readonly schema: string
  readonly origin: string
  /** Says something to one process. */
  answer(place: Place, message: string): void
  run: Query
}

interface Waiting {
  missing: number
  done(): void
}

export class Earshot {
  readonly #options: EarshotOptions
  /** Everybody with a session listens here. */
  readonly common: Place
  /** Here this process hears who has taken in what it said. */
  readonly own: Place
  readonly #listeners: number
  #heard = new Set<number>()
  /** Since the last reading began: what is read may be older. */
  readonly #added = new Set<number>()
  readonly #waiting = new Map<string, Waiting>()
  #numbers = 0
  #isKnown = false
  #refreshing: NodeJS.Timeout | undefined

  constructor(options: EarshotOptions) {
    this.#options = options
    this.#listeners = lockClass(options.schema, 'listener')
    this.common = placeOf(options.schema, 'listeners')
    this.own = placeOf(options.schema, `taken in ${options.origin}`)
  }

  get hasEntered(): boolean {
    return this.#isKnown
  }

  /** False: no other process listens. Without a session there is no knowing. */
  mayHear({ key }: Place): boolean {
    return !this.#isKnown || this.#heard.has(unsigned(key))
  }

  /** What to run before the first reading. */
  entering(): string {
    return `${this.listening(this.common)}; ${this.listening(this.own)}`
  }

  /** What to run to listen to a place, and to be seen doing it. */
  listening({ name, key }: Place): string {
    return `listen ${name}; select pg_advisory_lock_shared(${this.#listeners}, ${key})`
  }

  ending(places: readonly Place[]): string {
    const words = places.map(({ name, key }) => `unlisten ${name}; select pg_advisory_unlock_shared(${this.#listeners}, ${key})`)
    return [...words, this.#telling('-')].join('; ')
  }

  /** What to run when this process needs no session any longer. */
  leaving(places: readonly Place[]): string {
    return this.ending([...places, this.common, this.own])
  }

  /** What to run so that the others know, without waiting for them. */
  telling(places: readonly Place[]): string {
    const keys = places.map(({ key }) => unsigned(key))
    // 300 numbers fill half a payload.
    const messages = Array.from({ length: Math.ceil(keys.length / 300) }, (_, index) =>
      this.#telling(`+ ${keys.slice(index * 300, index * 300 + 300).join(' ')}`),
    )
    return messages.join('; ')
  }

  /** Reads the locks. */
  async read(run: Query): Promise<void> {
    this.#added.clear()
    const rows = await run(
      `select distinct objid::bigint as key from pg_locks
       where locktype = 'advisory' and objsubid = 2 and classid = ${unsigned(this.#listeners)} and granted
         and pid <> pg_backend_pid() and database = (select oid from pg_database where datname = current_database())`,
    )
    this.#heard = new Set([...rows.map(({ key }) => Number(key)), ...this.#added])
    this.#isKnown = true
  }

  /** Begins to listen; resolves when every process that has a session knows, and no longer drops what it would say there. */
  async begin(place: Place): Promise<void> {
    const wasHeard = this.#isKnown && this.#heard.has(unsigned(place.key))
    const ticket = String(++this.#numbers)
    const word = wasHeard ? `+ ${unsigned(place.key)}` : `? ${this.#options.origin} ${ticket} ${unsigned(place.key)}`
    const answers = wasHeard ? undefined : this.#answers(ticket)
    try {
      await this.#options.run(`${this.listening(place)}; ${this.#telling(word)}`)
      if (answers === undefined) return
      const [row] = await this.#options.run(
        `select count(distinct pid)::int as others from pg_locks
         where locktype = 'advisory' and objsubid = 2 and classid = ${unsigned(this.#listeners)}
           and objid = ${unsigned(this.common.key)} and granted and pid <> pg_backend_pid()
           and database = (select oid from pg_database where datname = current_database())`,
      )
      await answers.all((row?.others as number | undefined) ?? 0)
    } finally {
      this.#waiting.delete(ticket)
    }
  }

  /** Takes in what was said on `common`. */
  hear(payload: string): void {
    const [sign, ...words] = payload.split(' ')
    if (sign === '-') {
      this.refresh()
      return
    }
    const [origin, ticket] = sign === '?' ? words.splice(0, 2) : []
    if (origin === this.#options.origin) return
    for (const word of words) {
      this.#heard.add(Number(word))
      this.#added.add(Number(word))
    }
    if (origin !== undefined && ticket !== undefined)
      this.#options.answer(placeOf(this.#options.schema, `taken in ${origin}`), `${this.#options.origin} ${ticket}`)
  }

  /** Takes in what was said on `own`. */
  hearAnswer(message: string): void {
    const waiting = this.#waiting.get(message.split(' ')[1] ?? '')
    if (waiting === undefined) return
    waiting.missing--
    if (waiting.missing === 0) waiting.done()
  }

  /** Reads again, at most once a second. */
  refresh(): void {
    if (this.#refreshing !== undefined || !this.#isKnown) return
    this.#refreshing = setTimeout(() => {
      this.#refreshing = undefined
      // Without a session there is nothing to read, and the next one begins with it.
      if (this.#isKnown) this.read(this.#options.run).catch(() => {})
    }, refreshEveryMs)
    this.#refreshing.unref()
  }

  /** The session is gone. */
  forget(): void {
    this.#isKnown = false
    clearTimeout(this.#refreshing)
    this.#refreshing = undefined
    for (const waiting of this.#waiting.values()) waiting.done()
  }

  /** Answers may come before it is known how many there will be. */
  #answers(ticket: string): { all(count: number): Promise<void> } {
    const waiting: Waiting = { missing: 0, done() {} }
    const done = new Promise<void>((resolve) => {
      waiting.done = resolve
    })
    this.#waiting.set(ticket, waiting)
    return {
      async all(count) {
        waiting.missing += count
        if (waiting.missing <= 0) return
        const timer = setTimeout(waiting.done, longestWaitMs)
        await done
        clearTimeout(timer)
      },
    }
  }

  #telling(word: string): string {
    return `select pg_notify('${this.common.name}', '${word}')`
  }
}
