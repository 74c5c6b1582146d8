/** Task messages on their way from lists of Redis to one worker: taken in batches, and settled in batches. */
import { randomUUID } from 'node:crypto'
import { type CancelTimer, type Clock, StoreError, shown } from '@lovage/core'
import type { Arrival, Inflow, InflowListener, TaskArrival, TaskQueue } from '../transport.ts'
import { foreignArrival, readEnvelope, readUnacked, redeliveredEnvelope, unackedText } from './envelope.ts'
import type { KombuLayout } from './kombu-layout.ts'
import { LooseArrivals, settledTwice } from './loose-arrivals.ts'
import { QueueOrder } from './queue-order.ts'
import { LineLost, type RedisLine } from './redis-line.ts'
import type { RedisLink } from './redis-link.ts'
import type { RedisSettings } from './redis-options.ts'
import { refused } from './redis-refusal.ts'
import { readReceipt, type TakeReceipt, TakeReceipts } from './take-receipts.ts'
import { UnsettledMessages } from './unsettled.ts'

/** What an inflow stands on. */
export interface InflowPlace {
  readonly link: RedisLink
  readonly clock: Clock
  readonly settings: RedisSettings
  readonly layout: KombuLayout
  readonly listener: InflowListener
  /** Makes a queue ready: declared, and heard if it is one of pub/sub. */
  join(queue: TaskQueue, onArrival: (arrival: Arrival) => void): Promise<() => Promise<void>>
  /** This process put something into these lists: Redis does not tell it of that. */
  stirred(lists: readonly string[]): void
  onClosed(inflow: RedisInflow): void
}

/** A message in hand. */
interface Held {
  readonly name: string
  /** The key of the list from which it came. */
  readonly list: string
  readonly envelope: string
  readonly arrival: Arrival
  /** When Redis last heard that it is in hand; epoch milliseconds. */
  seenAt: number
}

interface Leaving {
  readonly held: Held
  readonly isRequeued: boolean
  resolve(isDone: boolean): void
  reject(error: Error): void
}

/** One script takes no more, so that Redis and this process do other things in between. */
const mostAtOnce = 250
const mostBytesAtOnce = 8_000_000
/** What Redis refuses to hand out (a list that is none, no memory left) is tried again after so long. */
const againMs = 2000

export class RedisInflow implements Inflow {
  readonly #place: InflowPlace
  readonly #order: QueueOrder
  readonly #receiptKeys: readonly string[]
  readonly #receipts: TakeReceipts
  readonly #leaveQueue = new Map<string, () => Promise<void>>()
  readonly #unsettled = new UnsettledMessages<Held>()
  readonly #loose = new LooseArrivals(() => this.#pump())
  #leaving: Leaving[] = []
  readonly #settling = new Set<Promise<unknown>>()
  #prefetch: number
  #line: RedisLine | undefined
  readonly #takes = new Set<Promise<void>>()
  /** How many messages were asked for and are not here yet. */
  #asked = 0
  /** The last answer was as long as could be: the next question may go out before it is dealt with. */
  #isBusy = false
  /** The lists were empty, and Redis tells when something comes. */
  #isQuiet = false
  /** Changes whenever something may have come. */
  #wakes = 0
  #isPaused = false
  #isClosed = false
  #isScheduled = false
  #refresh: CancelTimer | undefined
  #again: CancelTimer | undefined

  constructor(place: InflowPlace, prefetch: number) {
    this.#place = place
    this.#prefetch = prefetch
    this.#order = new QueueOrder(place.settings.queueOrder, place.layout)
    const id = randomUUID()
    this.#receiptKeys = ['a', 'b'].map((end) => `${place.settings.keyPrefix}lovage.taken.${id}.${end}`)
    this.#receipts = new TakeReceipts(this.#receiptKeys)
    this.#refreshLater()
  }

  /** Whether a message of `unacked` is in these hands. */
  holds(name: string): boolean {
    return this.#unsettled.has(name)
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch
    this.#pump()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.wake()
  }

  async add(queue: TaskQueue): Promise<void> {
    const leave = await this.#place.join(queue, (arrival) => {
      this.#loose.add(arrival, queue.name)
      this.#pump()
    })
    this.#leaveQueue.set(queue.name, leave)
    if (queue.exchangeType !== 'fanout') this.#order.add(queue.name)
    this.wake()
  }

  async cancel(queue: string): Promise<void> {
    this.#order.remove(queue)
    await Promise.all(this.#takes)
    await this.#leaveQueue.get(queue)?.()
    this.#leaveQueue.delete(queue)
  }

  /** Something may have come to one of the lists; undefined: to any. */
  wake(lists?: readonly string[]): void {
    if (lists !== undefined && !lists.some((list) => this.#order.has(list))) return
    this.#wakes++
    this.#isQuiet = false
    this.#pump()
  }

  async enter(line: RedisLine): Promise<void> {
    await this.#recover(line)
    await this.#remind(line)
    this.#line = line
    this.wake()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#refresh?.()
    this.#again?.()
    await Promise.all(this.#takes)
    for (const leave of this.#leaveQueue.values()) await leave()
    const line = this.#place.link.line
    if (line !== undefined) {
      // Without Redis they come back when nobody has seen them for long enough.
      await this.#giveBack(line, this.#unsettled.inHand(), redeliveredEnvelope).catch(() => {})
      await Promise.all([...this.#settling, line.ask(['DEL', ...this.#receiptKeys])]).catch(() => {})
    }
    this.#place.onClosed(this)
  }

  /** Takes what there is room for, unless that is under way or there is nothing. */
  #pump(): void {
    // What is about to leave goes first, and then asks for more itself.
    if (this.#isClosed || this.#isPaused || this.#isScheduled) return
    const loose = this.#loose.take(this.#room())
    if (loose.length > 0) this.#place.listener.deliver(loose)
    const line = this.#line
    const room = this.#room()
    if (line === undefined || room <= 0 || this.#isQuiet || this.#order.isEmpty) return
    if (this.#takes.size > (this.#isBusy ? 1 : 0)) return
    const receipt = this.#receipts.begin()
    if (receipt === undefined) return
    this.#asked += room
    const taking = this.#take(line, room, receipt)
      .catch((error: Error) => this.#failed(line, error))
      .finally(() => {
        this.#takes.delete(taking)
        this.#pump()
      })
    this.#takes.add(taking)
    // What goes out in one write is answered in one, too late to work on the one while Redis makes up the other.
    if (this.#isBusy) setImmediate(() => this.#pump())
  }

  /** For two questions at once no more than half each, so that this process works on one answer while Redis makes up the other. */
  #room(): number {
    if (this.#prefetch === 0) return mostAtOnce
    const room = this.#prefetch - this.#unsettled.size - this.#loose.unsettled - this.#asked
    return Math.min(room, mostAtOnce, this.#isBusy ? Math.ceil(this.#prefetch / 2) : mostAtOnce)
  }

  async #take(line: RedisLine, room: number, receipt: TakeReceipt): Promise<void> {
    const { lists, atOnce } = this.#order.next()
    const now = this.#place.clock.now()
    const wakes = this.#wakes
    const [answer, filled] = await Promise.all([
      this.#ask(line, receipt, [room, scoreOf(now), atOnce], lists),
      line.watch(lists),
    ]).catch((error: unknown) => {
      this.#asked -= room
      if (error instanceof LineLost) this.#receipts.lose(receipt)
      else this.#receipts.end(receipt)
      throw error
    })
    const isBarren = answer.length === 0 && filled > 0
    if (!isBarren) this.#place.link.recovered()
    // From here to where they are in hand nothing else may ask for more.
    this.#asked -= room
    this.#receipts.end(receipt)
    this.#isBusy = answer.length === room * 3
    this.#isQuiet = !this.#isBusy && filled === 0 && wakes === this.#wakes
    const taken: Held[] = []
    for (let at = 0; at < answer.length; at += 3) {
      const held = this.#hold(String(answer[at]), lists[Number(answer[at + 1])] ?? '', String(answer[at + 2]), now)
      if (held !== undefined) taken.push(held)
    }
    await this.#handOver(line, taken)
    if (isBarren) await checkLists(line, lists)
  }

  #ask(line: RedisLine, { key, number }: TakeReceipt, what: readonly number[], lists: readonly string[]) {
    const { unacked, unackedIndex, visibilityMs } = this.#place.settings
    const asked = line.run('take', [unacked, unackedIndex, key, ...lists], [...what, visibilityMs, mostBytesAtOnce, number])
    return asked as Promise<readonly (string | number)[]>
  }

  /** Undefined for what is in hand already, and for what is no message. */
  #hold(name: string, list: string, envelope: string, seenAt: number): Held | undefined {
    const arrival = name === '' ? undefined : readEnvelope(envelope)
    if (arrival === undefined) {
      this.#loose.add(foreignArrival(envelope), this.#order.queueOf(list))
      if (name !== '') this.#drop(name)
      return undefined
    }
    const held: Held = { name, list, envelope, arrival, seenAt }
    return this.#unsettled.enter(held) ? held : undefined
  }

  /** Nobody who restores it could read it. */
  #drop(name: string): void {
    const { link, settings } = this.#place
    link.persist((line) => line.run('ack', [settings.unacked, settings.unackedIndex], [name])).catch(() => {})
  }

  async #handOver(line: RedisLine, taken: readonly Held[]): Promise<void> {
    if (taken.length === 0) return
    if (!this.#isPaused && !this.#isClosed) return this.#place.listener.deliver(taken.map((held) => this.#arrivalOf(held)))
    // Nobody has seen them: they go back as they were.
    await this.#giveBack(line, taken, (envelope) => envelope)
  }

  #arrivalOf(held: Held): TaskArrival {
    return {
      ...held.arrival,
      queue: this.#order.queueOf(held.list),
      settle: (verdict) => {
        if (!this.#unsettled.leave(held)) return Promise.reject(settledTwice(held.name))
        return this.#leave(held, verdict === 'requeue')
      },
    }
  }

  #leave(held: Held, isRequeued: boolean): Promise<boolean> {
    const settled = new Promise<boolean>((resolve, reject) => {
      this.#leaving.push({ held, isRequeued, resolve, reject })
    })
    if (!this.#isScheduled) {
      this.#isScheduled = true
      const line = this.#place.link.line
      if (line !== undefined) line.beforeFlush(() => this.#flush())
      else setImmediate(() => this.#flush())
    }
    return settled
  }

  /** What was settled goes out, and in the same write the question for more. */
  #flush(): void {
    this.#isScheduled = false
    const leaving = this.#leaving
    this.#leaving = []
    for (const isRequeued of [false, true]) {
      const part = leaving.filter((each) => each.isRequeued === isRequeued)
      if (part.length === 0) continue
      const settling = this.#settle(part, isRequeued).finally(() => this.#settling.delete(settling))
      this.#settling.add(settling)
    }
    this.#pump()
  }

  async #settle(part: readonly Leaving[], isRequeued: boolean): Promise<void> {
    const { link, settings, clock } = this.#place
    const keys = [settings.unacked, settings.unackedIndex]
    const arguments_ = isRequeued
      ? ['+inf', ...part.flatMap(({ held }) => [held.name, 'L', redeliveredEnvelope(held.envelope), 1, held.list])]
      : part.map(({ held }) => held.name)
    let wasRepeated = false
    try {
      const answers = (await link.persist((line, isRepeated) => {
        wasRepeated = isRepeated
        return line.run(isRequeued ? 'move' : 'ack', keys, arguments_)
      })) as readonly number[]
      for (const [index, { held, resolve }] of part.entries()) {
        this.#unsettled.left(held)
        // Redis may have done it before the line broke; nobody else could have taken it so soon.
        resolve(answers[index] === 1 || (wasRepeated && clock.now() - held.seenAt < settings.visibilityMs))
      }
      if (isRequeued) this.#place.stirred(part.map(({ held }) => held.list))
    } catch (error) {
      for (const { held, reject } of part) {
        this.#unsettled.left(held)
        reject(refused(error as Error))
      }
    }
  }

  /** The oldest is the next that somebody takes. */
  async #giveBack(line: RedisLine, messages: readonly Held[], written: (envelope: string) => string): Promise<void> {
    const mine = messages.filter((held) => this.#unsettled.leave(held)).reverse()
    if (mine.length === 0) return
    const { unacked, unackedIndex } = this.#place.settings
    const entries = mine.flatMap(({ name, envelope, list }) => [name, 'R', written(envelope), 1, list])
    await line.run('move', [unacked, unackedIndex], ['+inf', ...entries])
    for (const held of mine) this.#unsettled.left(held)
    this.#place.stirred(mine.map(({ list }) => list))
  }

  #failed(line: RedisLine, error: Error): void {
    if (error instanceof LineLost) {
      if (this.#line === line) this.#line = undefined
      return
    }
    this.#place.link.complain(refused(error))
    this.#isQuiet = true
    this.#again?.()
    this.#again = this.#place.clock.at(this.#place.clock.now() + againMs, () => this.wake())
  }

  /** What was taken when the line broke is in `unacked`, and in a receipt. */
  async #recover(line: RedisLine): Promise<void> {
    const { settings, clock } = this.#place
    for (const receipt of this.#receipts.lost) {
      const taken: Held[] = []
      for (const { name, list } of readReceipt(receipt, (await line.ask(['GET', receipt.key])) as string | null)) {
        if (this.#unsettled.has(name)) continue
        const entry = (await line.ask(['HGET', settings.unacked, name])) as string | null
        const envelope = entry === null ? undefined : readUnacked(entry)?.envelope
        const held = envelope === undefined ? undefined : this.#hold(name, list, envelope, clock.now())
        if (held !== undefined) taken.push(held)
      }
      this.#receipts.end(receipt)
      await this.#handOver(line, taken)
    }
  }

  /** Redis may have lost what it knew; whatever is in hand is in hand still, unless others have taken it for abandoned. */
  async #remind(line: RedisLine): Promise<void> {
    const { settings, clock } = this.#place
    const now = clock.now()
    const fresh = this.#unsettled.inHand().filter(({ seenAt }) => now - seenAt < settings.visibilityMs)
    if (fresh.length === 0) return
    const entries = fresh.flatMap(({ name, envelope, list, arrival }) => [
      ...[name, unackedText(envelope, arrival.exchange, arrival.routingKey)],
      ...[list, envelope],
    ])
    await line.run('remind', [settings.unacked, settings.unackedIndex], [scoreOf(now), ...entries])
    for (const held of fresh) held.seenAt = now
  }

  /** Whoever looks for messages of dead workers (Python's do, too) sees that these are in hand. */
  #refreshLater(): void {
    const { clock, settings } = this.#place
    this.#refresh = clock.at(clock.now() + settings.visibilityMs / 4, () => {
      this.#refreshLater()
      const line = this.#line
      const now = clock.now()
      const old = this.#unsettled.inHand().filter(({ seenAt }) => now - seenAt >= settings.visibilityMs / 8)
      if (line === undefined || old.length === 0) return
      const scores = old.flatMap(({ name }) => [scoreOf(now), name])
      line.ask(['ZADD', settings.unackedIndex, 'XX', ...scores]).then(
        () => {
          for (const held of old) held.seenAt = now
        },
        // The next line begins with it.
        () => {},
      )
    })
  }
}

/** A key that is there and gives nothing would be asked for ever. */
async function checkLists(line: RedisLine, lists: readonly string[]): Promise<void> {
  for (const list of lists) {
    const kind = await line.ask(['TYPE', list])
    if (kind === 'list' || kind === 'none') continue
    const message = `expected the key ${shown(list)} of a queue to be a list, got: a ${String(kind)}; delete it, or rename it`
    throw new StoreError('STORE_UNAVAILABLE', message, { subject: list })
  }
}

/** Whole seconds, which Redis compares twice as fast as fractions; rather a little late than early. */
function scoreOf(timeMs: number): number {
  return Math.ceil(timeMs / 1000)
}
