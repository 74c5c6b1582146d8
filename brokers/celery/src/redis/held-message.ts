/** A message of Redis in the hands of one inflow, which is to settle it. */
import type { Arrival, MessageProperties, TaskArrival } from '../transport.ts'

/** Where a message lies. */
export interface HeldPlace {
  /** Its field of `unacked`. */
  readonly name: string
  /** The key of the list from which it came. */
  readonly list: string
  readonly queue: string
  readonly envelope: string
}

type Verdict = Parameters<TaskArrival['settle']>[0]

export class HeldMessage implements TaskArrival {
  readonly name: string
  readonly list: string
  readonly queue: string
  readonly envelope: string
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly properties: MessageProperties
  readonly body: Uint8Array
  /** When Redis last heard that it is in hand; epoch milliseconds. */
  seenAt: number
  readonly #settle: (held: HeldMessage, verdict: Verdict) => Promise<boolean>

  constructor(
    place: HeldPlace,
    arrival: Arrival,
    seenAt: number,
    settle: (held: HeldMessage, verdict: Verdict) => Promise<boolean>,
  ) {
    this.name = place.name
    this.list = place.list
    this.queue = place.queue
    this.envelope = place.envelope
    this.exchange = arrival.exchange
    this.routingKey = arrival.routingKey
    this.redelivered = arrival.redelivered
    this.properties = arrival.properties
    this.body = arrival.body
    this.seenAt = seenAt
    this.#settle = settle
  }

  settle(verdict: Verdict): Promise<boolean> {
    return this.#settle(this, verdict)
  }
}
