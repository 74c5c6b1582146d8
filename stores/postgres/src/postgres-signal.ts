/** The signal by LISTEN and NOTIFY: messages to listeners in this process and, over the database, in others. */
import { randomBytes } from 'node:crypto'
import { type ChannelMessage, LovageError, type Signal, StoreError } from '@lovage/core'
import { type Place, placeOf } from './channel-name.ts'
import { Earshot } from './earshot.ts'
import { FrameReader, framesOf, originLength } from './frame.ts'
import type { Joiner } from './joiner.ts'
import type { Query } from './line.ts'
import { LocalListeners } from './local-listeners.ts'
import { Outbox } from './outbox.ts'
import type { Lodger, PostgresSession } from './postgres-session.ts'

/** Channels with names of their own come and go; the places of the others are worth remembering. */
const mostPlaces = 1000

/**
 * Makes the signal. It listens on the session, which it joins with the first subscription, and publishes by `query`: a process
 * that only publishes needs no session.
 */
export function postgresSignal(session: PostgresSession, query: Query, joiner?: Joiner): Signal {
  return new PostgresSignal(session, query, joiner)
}

/** Sent with a transaction: nobody has heard that already, not even the process that wrote it. */
const transactionOrigin = 'transaction.'

const say = {
  name: 'say',
  text: 'select pg_notify(name, payload) from unnest($1::text[], $2::text[]) frame (name, payload)',
}

interface Listened {
  readonly channel: string
  readonly place: Place
  /** Whether it moves with the session. */
  isOn: boolean
  begun: Promise<void> | undefined
}

class PostgresSignal implements Signal, Lodger {
  readonly #session: PostgresSession
  readonly #origin = randomBytes(originLength / 2).toString('hex')
  readonly #local = new LocalListeners()
  readonly #earshot: Earshot
  readonly #outbox: Outbox
  readonly #reader = new FrameReader()
  readonly #places = new Map<string, Place>()
  /** By their names in PostgreSQL. */
  readonly #listened = new Map<string, Listened>()
  readonly publishWithin: Signal['publishWithin']
  #numbers = 0
  readonly #backListeners = new Set<() => void>()
  #closed: Promise<void> | undefined

  constructor(session: PostgresSession, query: Query, joiner: Joiner | undefined) {
    this.#session = session
    this.publishWithin =
      joiner === undefined ? undefined : (transaction, messages) => this.#publishWithin(joiner, transaction, messages)
    const { schema } = session
    this.#outbox = new Outbox({
      schema,
      origin: this.#origin,
      query,
      ownPid: () => session.pid,
      onUnheard: () => this.#earshot.refresh(),
    })
    this.#earshot = new Earshot({
      schema,
      origin: this.#origin,
      answer: (place, message) => this.#outbox.post(place, message),
      run: session.run,
    })
  }

  publish(channel: string, message: string): void {
    if (this.#closed !== undefined) return
    this.#local.deliver(channel, message)
    const place = this.#placeOf(channel)
    if (this.#earshot.mayHear(place)) this.#outbox.post(place, message)
  }

  async subscribe(channel: string, listener: (message: string) => void): Promise<() => void> {
    if (this.#closed !== undefined)
      throw new StoreError('STORE_CLOSED', `expected an open signal to subscribe to ${channel}, got a closed one`)
    const remove = this.#local.add(channel, listener)
    const end = (): void => {
      if (remove()) this.#unlisten(channel)
    }
    try {
      await this.#listen(channel)
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  heard(channel: string): boolean {
    return this.#local.has(channel) || this.#earshot.mayHear(this.#placeOf(channel))
  }

  onBack(listener: () => void): () => void {
    // Its own function object, so that one listener can be told twice.
    const told = (): void => listener()
    this.#backListeners.add(told)
    return () => void this.#backListeners.delete(told)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async enter(run: Query): Promise<void> {
    this.#reader.clear()
    const places = [...this.#listened.values()].filter(({ isOn }) => isOn).map(({ place }) => place)
    const words = [this.#earshot.entering(), ...places.map((place) => this.#earshot.listening(place))]
    if (places.length > 0) words.push(this.#earshot.telling(places))
    await run(words.join('; '))
    // After the listening has come into force, so that nobody begins between the two.
    await this.#earshot.read(run)
  }

  hear(name: string, payload: string): void {
    if (name === this.#earshot.common.name) {
      this.#earshot.hear(payload)
      return
    }
    const isAnswer = name === this.#earshot.own.name
    const entry = this.#listened.get(name)
    if (!isAnswer && entry === undefined) return
    const heard = this.#reader.read(payload)
    if (heard === undefined) return
    if (isAnswer) this.#earshot.hearAnswer(heard.message)
    // This process has heard its own already.
    else if (entry !== undefined && heard.origin !== this.#origin) this.#local.deliver(entry.channel, heard.message)
  }

  leave(): void {
    this.#earshot.forget()
  }

  back(): void {
    for (const listener of this.#backListeners) listener()
  }

  async #publishWithin(joiner: Joiner, transaction: object, messages: readonly ChannelMessage[]): Promise<void> {
    if (messages.length === 0) return
    const frames = messages.flatMap(({ channel, message }) => {
      const { name } = this.#placeOf(channel)
      return framesOf(transactionOrigin, ++this.#numbers, message).map((payload) => ({ name, payload }))
    })
    const values = [frames.map(({ name }) => name), frames.map(({ payload }) => payload)]
    await joiner.join(transaction, (query) => query(say, values), { isBare: true })
  }

  /** The first subscriber of a channel listens; those that come meanwhile wait with it. */
  #listen(channel: string): Promise<void> {
    const place = this.#placeOf(channel)
    const entry = this.#listened.get(place.name) ?? { channel, place, isOn: false, begun: undefined }
    this.#listened.set(place.name, entry)
    entry.begun ??= this.#begin(entry)
    return entry.begun
  }

  async #begin(entry: Listened): Promise<void> {
    await this.#session.lodge(this)
    if (this.#session.isPooled || this.#listened.get(entry.place.name) !== entry) return
    entry.isOn = true
    try {
      await this.#earshot.begin(entry.place)
    } catch (error) {
      // Whoever enters the next connection listens to all that is on.
      if (!LovageError.is(error, 'STORE_UNAVAILABLE')) throw error
      await this.#session.join()
    }
  }

  #unlisten(channel: string): void {
    const place = this.#placeOf(channel)
    const isOn = this.#listened.get(place.name)?.isOn
    this.#listened.delete(place.name)
    // The end of a session is the end of its listening too.
    if (isOn === true && this.#session.isUp) this.#session.run(this.#earshot.ending([place])).catch(() => {})
  }

  #placeOf(channel: string): Place {
    let place = this.#places.get(channel)
    if (place === undefined) {
      if (this.#places.size >= mostPlaces) this.#places.clear()
      place = placeOf(this.#session.schema, `to ${channel}`)
      this.#places.set(channel, place)
    }
    return place
  }

  async #close(): Promise<void> {
    this.#local.clear()
    this.#backListeners.clear()
    await this.#outbox.flushed()
    this.#session.dislodge(this)
    const places = [...this.#listened.values()].filter(({ isOn }) => isOn).map(({ place }) => place)
    this.#listened.clear()
    if (this.#earshot.hasEntered) await this.#session.run(this.#earshot.leaving(places)).catch(() => {})
    this.#earshot.forget()
  }
}
