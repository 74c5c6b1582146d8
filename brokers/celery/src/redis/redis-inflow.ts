/** Task messages on their way from lists of Redis to one worker: taken in batches, and kept until they are settled. */
import { randomUUID } from 'node:crypto'
import { type CancelTimer, StoreError, shown } from '@lovage/core'
import type { Inflow, TaskQueue } from '../transport.ts'
import { Departures } from './departures.ts'
import { foreignArrival, readEnvelope, readUnacked, redeliveredEnvelope } from './envelope.ts'
import { type Hands, type InflowPlace, scoreOf } from './hands.ts'
import { HeldMessage } from './held-message.ts'
import { LooseArrivals, settledTwice } from './loose-arrivals.ts'
import { QueueOrder } from './queue-order.ts'
import { LineLost, type RedisLine } from './redis-line.ts'
import { refused } from './redis-refusal.ts'
import { SignsOfLife } from './signs-of-life.ts'
import { readReceipt, type TakeReceipt, TakeReceipts } from './take-receipts.ts'
import { UnsettledMessages } from './unsettled.ts'

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
  readonly #hands: Hands = new UnsettledMessages<HeldMessage>()
  readonly #departures: Departures
  readonly #signs: SignsOfLife
  readonly #loose = new LooseArrivals(() => this.#pump())
  /** What every message calls when it is settled. */
  readonly #settle = (held: HeldMessage, verdict: 'ack' | 'reject' | 'requeue'): Promise<boolean> => {
    if (!this.#hands.leave(held)) return Promise.reject(settledTwice(held.name))
    return this.#departures.add(held, verdict === 'requeue')
  }
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
  #again: CancelTimer | undefined

  constructor(place: InflowPlace, prefetch: number) {
    this.#place = place
    this.#prefetch = prefetch
    this.#order = new QueueOrder(place.settings.queueOrder, place.layout)
    const id = randomUUID()
    this.#receiptKeys = ['a', 'b'].map((end) => `${place.settings.keyPrefix}lovage.taken.${id}.${end}`)
    this.#receipts = new TakeReceipts(this.#receiptKeys)
    this.#departures = new Departures(place, this.#hands, () => this.#pump())
    this.#signs = new SignsOfLife(place, this.#hands)
  }

  /** Whether a message of `unacked` is in these hands. */
  holds(name: string): boolean {
    return this.#hands.has(name)
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
    await this.#signs.remind(line)
    this.#line = line
    this.wake()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#signs.end()
    this.#again?.()
    await Promise.all(this.#takes)
    for (const leave of this.#leaveQueue.values()) await leave()
    const line = this.#place.link.line
    if (line !== undefined) {
      // Without Redis they come back when nobody has seen them for long enough.
      await this.#departures.giveBack(line, this.#hands.inHand(), redeliveredEnvelope).catch(() => {})
      await Promise.all([this.#departures.answered(), line.ask(['DEL', ...this.#receiptKeys])]).catch(() => {})
    }
    this.#place.onClosed()
  }

  /** Takes what there is room for, unless that is under way or there is nothing. */
  #pump(): void {
    // What is about to leave goes first, and then asks for more itself.
    if (this.#isClosed || this.#isPaused || this.#departures.isScheduled) return
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
  }

  /** No more than half when busy, so that this process works on one answer while Redis makes up the next. */
  #room(): number {
    if (this.#prefetch === 0) return mostAtOnce
    const room = this.#prefetch - this.#hands.size - this.#loose.unsettled - this.#asked
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
    this.#isBusy = answer.length === room + 1
    this.#isQuiet = !this.#isBusy && filled === 0 && wakes === this.#wakes
    if (this.#isBusy) this.#askAhead(line)
    // From here to where they are in hand nothing else may ask for more.
    this.#asked -= room
    this.#receipts.end(receipt)
    const taken: HeldMessage[] = []
    // Behind the note.
    let at = 1
    for (const { name, list } of readReceipt(receipt, answer[0])) {
      const held = this.#hold(name, list, answer[at++] ?? '', now)
      if (held !== undefined) taken.push(held)
    }
    await this.#handOver(line, taken)
    if (isBarren) await checkLists(line, lists)
  }

  /** Redis makes up the next answer while this process works on the one that came. */
  #askAhead(line: RedisLine): void {
    this.#pump()
    line.flush()
  }

  #ask(line: RedisLine, { key, number }: TakeReceipt, what: readonly number[], lists: readonly string[]) {
    const { unacked, unackedIndex, visibilityMs } = this.#place.settings
    const asked = line.run('take', [unacked, unackedIndex, key, ...lists], [...what, visibilityMs, mostBytesAtOnce, number])
    return asked as Promise<readonly string[]>
  }

  /** Undefined for what is in hand already, and for what is no message. */
  #hold(name: string, list: string, envelope: string, seenAt: number): HeldMessage | undefined {
    const arrival = name === '' ? undefined : readEnvelope(envelope)
    if (arrival === undefined) {
      this.#loose.add(foreignArrival(envelope), this.#order.queueOf(list))
      if (name !== '') this.#drop(name)
      return undefined
    }
    const held = new HeldMessage({ name, list, queue: this.#order.queueOf(list), envelope }, arrival, seenAt, this.#settle)
    return this.#hands.enter(held) ? held : undefined
  }

  /** Nobody who restores it could read it. */
  #drop(name: string): void {
    const { link, settings } = this.#place
    link.persist((line) => line.run('ack', [settings.unacked, settings.unackedIndex], [name])).catch(() => {})
  }

  async #handOver(line: RedisLine, taken: readonly HeldMessage[]): Promise<void> {
    if (taken.length === 0) return
    if (!this.#isPaused && !this.#isClosed) return this.#place.listener.deliver(taken)
    // Nobody has seen them: they go back as they were.
    await this.#departures.giveBack(line, taken, (envelope) => envelope)
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
      const taken: HeldMessage[] = []
      for (const { name, list } of readReceipt(receipt, (await line.ask(['GET', receipt.key])) as string | null)) {
        if (name === '' || this.#hands.has(name)) continue
        const entry = (await line.ask(['HGET', settings.unacked, name])) as string | null
        const envelope = entry === null ? undefined : readUnacked(entry)?.envelope
        const held = envelope === undefined ? undefined : this.#hold(name, list, envelope, clock.now())
        if (held !== undefined) taken.push(held)
      }
      this.#receipts.end(receipt)
      await this.#handOver(line, taken)
    }
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
