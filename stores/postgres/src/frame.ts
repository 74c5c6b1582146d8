/**
 * How a message travels in payloads of NOTIFY, which are shorter than 8000 bytes and know no zero character.
 *
 *     whole   <origin> t <text>
 *     part    <origin> p <number> / <index> / <count> / <text>
 *
 * `T` and `P` in place of `t` and `p`: the text was written as JSON, because it has a zero character.
 */

/** Characters of an origin. */
export const originLength = 12

/** PostgreSQL takes 7999; the head of a part is shorter than the rest. */
const mostBytes = 7900

const partPattern = /^(\d+)\/(\d+)\/(\d+)\//

/** The payloads of one message; the number tells apart the messages of an origin that come in parts. */
export function framesOf(origin: string, number: number, message: string): readonly string[] {
  const isPlain = !message.includes('\0')
  const text = isPlain ? message : JSON.stringify(message)
  if (text.length * 3 <= mostBytes) return [`${origin}${isPlain ? 't' : 'T'}${text}`]
  const chunks = chunksOf(Buffer.from(text))
  if (chunks.length === 1) return [`${origin}${isPlain ? 't' : 'T'}${text}`]
  return chunks.map((chunk, index) => `${origin}${isPlain ? 'p' : 'P'}${number}/${index}/${chunks.length}/${chunk}`)
}

/** Cuts between characters. */
function chunksOf(bytes: Buffer): readonly string[] {
  const chunks: string[] = []
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(start + mostBytes, bytes.length)
    while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--
    chunks.push(bytes.toString('utf8', start, end))
    start = end
  }
  return chunks
}

export interface Heard {
  readonly origin: string
  readonly message: string
}

/** Puts messages together again. All parts of a message come in one transaction, so none stays incomplete but by a loss. */
export class FrameReader {
  readonly #parts = new Map<string, string[]>()

  /** Undefined: more is to come, or it is not ours to read. */
  read(payload: string): Heard | undefined {
    const origin = payload.slice(0, originLength)
    const kind = payload[originLength]
    const body = payload.slice(originLength + 1)
    if (kind === 't') return { origin, message: body }
    if (kind === 'T') return decoded(origin, body)
    if (kind !== 'p' && kind !== 'P') return undefined
    const text = this.#collect(origin, body)
    if (text === undefined) return undefined
    return kind === 'p' ? { origin, message: text } : decoded(origin, text)
  }

  /** Forgets what is incomplete. */
  clear(): void {
    this.#parts.clear()
  }

  #collect(origin: string, body: string): string | undefined {
    const [head, number, index, count] = partPattern.exec(body) ?? []
    if (head === undefined) return undefined
    const key = `${origin}/${number}`
    const parts = this.#parts.get(key) ?? []
    // Parts come in order: one that does not fit belongs to a message whose beginning was lost.
    if (Number(index) !== parts.length) {
      this.#parts.delete(key)
      return undefined
    }
    parts.push(body.slice(head.length))
    this.#parts.set(key, parts)
    if (parts.length < Number(count)) return undefined
    this.#parts.delete(key)
    return parts.join('')
  }
}

function decoded(origin: string, text: string): Heard | undefined {
  try {
    const message: unknown = JSON.parse(text)
    return typeof message === 'string' ? { origin, message } : undefined
  } catch {
    return undefined
  }
}
