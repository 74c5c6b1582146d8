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

/** Of a message that was given: its name, empty for what is none of kombu's, and the key of the list that it lay in. */
export interface Noted {
  readonly name: string
  readonly list: string
}

/** What was given, in order; nothing if the note is about another question. */
export function readReceipt({ number }: TakeReceipt, note: string | null | undefined): readonly Noted[] {
  const noted = typeof note === 'string' ? (JSON.parse(note) as readonly unknown[]) : []
  const given: Noted[] = []
  if (noted[0] !== number) return given
  for (let at = 1; at < noted.length; at += 2) given.push({ name: String(noted[at]), list: String(noted[at + 1]) })
  return given
}
