/** The Lamport clock: orders what workers tell each other without trusting their clocks. */

export class Lamport {
  #value = 0

  get value(): number {
    return this.#value
  }

  /** Before something is sent: one further, and that is the stamp. */
  tick(): number {
    return ++this.#value
  }

  /** When something arrives: past the later of both. What is no number is ignored. */
  merge(other: unknown): void {
    if (typeof other === 'number' && Number.isFinite(other)) this.#value = Math.max(this.#value, other) + 1
  }
}
