/** Who holds here, in which order they watch one another, and whom a message or a silence takes away. */
import { type Holder, holderId } from './member-id.ts'

/** The members stand in a ring, in the order of their numbers, and each watches the next. */
export class Roster {
  readonly #members = new Map<number, Set<number>>()

  join(member: number, holders: readonly number[]): void {
    this.#members.set(member, new Set(holders))
  }

  hold({ member, number }: Holder): void {
    const holders = this.#members.get(member)
    if (holders === undefined) this.#members.set(member, new Set([number]))
    else holders.add(number)
  }

  release({ member, number }: Holder): void {
    this.#members.get(member)?.delete(number)
  }

  /** Takes a member out; answers the ids that it held. */
  remove(member: number): readonly string[] {
    const holders = this.#members.get(member) ?? []
    this.#members.delete(member)
    return [...holders].map((number) => holderId({ member, number }))
  }

  holdersOf(member: number): readonly number[] {
    return [...(this.#members.get(member) ?? [])]
  }

  has(member: number): boolean {
    return this.#members.has(member)
  }

  /** Replaces everybody by those who are seen now; answers who is not among them. */
  replace(seen: ReadonlyMap<number, readonly number[]>): Roster {
    const missing = new Roster()
    for (const [member, holders] of this.#members) if (!seen.has(member)) missing.join(member, [...holders])
    this.#members.clear()
    for (const [member, holders] of seen) this.join(member, holders)
    return missing
  }

  members(): readonly number[] {
    return [...this.#members.keys()]
  }

  /** The next in the ring after a member; undefined when it is alone. */
  after(member: number): number | undefined {
    let next: number | undefined
    let first: number | undefined
    for (const each of this.#members.keys()) {
      if (each === member) continue
      if (first === undefined || each < first) first = each
      if (each > member && (next === undefined || each < next)) next = each
    }
    return next ?? first
  }
}
