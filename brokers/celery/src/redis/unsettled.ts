/** The messages that one inflow has in its hands, by their names in `unacked`: a state machine without Redis. */

export interface Unsettled {
  readonly name: string
}

/**
 * ```
 *            enter            leave                left
 * (unknown) ------> in hand -------> on its way ----------> (unknown)
 *              |       ^
 *              +-false-+   others put it back into its list, but it is ours still
 * ```
 * While one is on its way, another message of the same name may come: the same one again, or its twin from another queue.
 */
export class UnsettledMessages<Message extends Unsettled> {
  readonly #inHand = new Map<string, Message>()
  /** How many of a name. */
  readonly #onTheirWay = new Map<string, number>()

  /** In hand: neither settled nor on the way to it. */
  get size(): number {
    return this.#inHand.size
  }

  /** False if it is in hand already. */
  enter(message: Message): boolean {
    if (this.#inHand.has(message.name)) return false
    this.#inHand.set(message.name, message)
    return true
  }

  /** False if it is not in hand. */
  leave(message: Message): boolean {
    if (this.#inHand.get(message.name) !== message) return false
    this.#inHand.delete(message.name)
    this.#onTheirWay.set(message.name, (this.#onTheirWay.get(message.name) ?? 0) + 1)
    return true
  }

  /** Redis has answered, or never will. */
  left({ name }: Message): void {
    const others = (this.#onTheirWay.get(name) ?? 1) - 1
    if (others === 0) this.#onTheirWay.delete(name)
    else this.#onTheirWay.set(name, others)
  }

  /** Whether a message of the name is in hand or on its way. */
  has(name: string): boolean {
    return this.#inHand.has(name) || this.#onTheirWay.has(name)
  }

  /** In the order in which they came. */
  inHand(): Message[] {
    return [...this.#inHand.values()]
  }
}
