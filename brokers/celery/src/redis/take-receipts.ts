/** Where Redis notes what it gave for a question for messages, in case the answer is lost. */

/** A question under way, or one whose answer got lost. */
export interface TakeReceipt {
  readonly key: string
  /** What the note begins with: an older note under the same key says nothing of this question. */
  readonly number: number
}

export class TakeReceipts {
  readonly #free: string[]
  readonly #lost = new Set<TakeReceipt>()
  #count = 0

  /** @param keys one for each question that may be under way at once */
  constructor(keys: readonly string[]) {
    this.#free = [...keys]
  }

  /** @returns undefined when as many are under way as may be */
  begin(): TakeReceipt | undefined {
    const key = this.#free.shift()
    if (key === undefined) return undefined
    this.#count++
    return { key, number: this.#count }
  }

  /** The answer came, or was made up for. */
  end(receipt: TakeReceipt): void {
    this.#lost.delete(receipt)
    this.#free.push(receipt.key)
  }

  /** No answer came. */
  lose(receipt: TakeReceipt): void {
    this.#lost.add(receipt)
  }

  /** The oldest first. */
  get lost(): readonly TakeReceipt[] {
    return [...this.#lost]
  }
}

/** The names of what was given and the keys of the lists that it lay in; none if the note is about another question. */
export function readReceipt(
  { number }: TakeReceipt,
  note: string | null,
): readonly { readonly name: string; readonly list: string }[] {
  const [noted, ...parts] = note === null ? [] : (JSON.parse(note) as readonly [number, ...string[]])
  if (noted !== number) return []
  const names = parts.filter((_, index) => index % 2 === 0)
  return names.map((name, index) => ({ name, list: parts[index * 2 + 1] ?? '' }))
}
