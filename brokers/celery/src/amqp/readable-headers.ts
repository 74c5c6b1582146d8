/**
 * Makes headers readable for the library, which would end the connection over them, again and again with each redelivery: py-amqp marks
 * 64-bit integers with `L`, where others have `l`; and tables may be nested more deeply than its recursion goes.
 */
import type { ChannelModel } from 'amqplib'

/** Parts of the library's connection: what was read and not yet taken, and how a frame is taken from it. */
interface FrameReader {
  rest?: Buffer
  recvFrame?: () => unknown
}

const headerFrame = 2
const frameHead = 7
/** Containers below it are given as bytes. */
const mostDepth = 50

/** Without those parts such messages cannot be read; all others can. */
export function readAnyHeaders(model: ChannelModel): void {
  const reader = model.connection as unknown as FrameReader
  const take = reader.recvFrame
  if (take === undefined) return
  reader.recvFrame = () => {
    const { rest } = reader
    if (rest !== undefined && rest.length > frameHead && rest[0] === headerFrame) {
      const end = frameHead + rest.readUInt32BE(3)
      if (rest.length > end) mendProperties(rest.subarray(frameHead, end))
    }
    return take.call(reader)
  }
}

const code = (tag: string): number => tag.charCodeAt(0)
const pythonLong = code('L')
const long = code('l')
const bytes = code('x')
const table = code('F')
const array = code('A')

/** How many bytes a value of a type takes. */
const sizes = new Map(
  Object.entries({ V: 0, b: 1, B: 1, t: 1, s: 2, u: 2, I: 4, i: 4, f: 4, D: 5, l: 8, d: 8, T: 8 }).map(([tag, size]) => [
    code(tag),
    size,
  ]),
)
/** Those with a length of 32 bits before them. */
const strings = new Set([code('S'), bytes])

/**
 * Changes the payload of a content header in place; what is malformed stays as it is.
 * @see https://www.rabbitmq.com/amqp-0-9-1-errata section 3
 */
export function mendProperties(payload: Buffer): void {
  if (payload.length < 14) return
  const flags = payload.readUInt16BE(12)
  if ((flags & 0x2000) === 0) return
  let offset = 14
  // The content type and encoding, where they are, stand before the headers.
  for (const flag of [0x8000, 0x4000]) if ((flags & flag) !== 0) offset += 1 + (payload[offset] ?? 0)
  if (offset + 4 > payload.length) return
  const from = offset + 4
  mendTable(payload, { from, to: Math.min(payload.length, from + payload.readUInt32BE(offset)), depth: 1 })
}

interface Part {
  readonly from: number
  readonly to: number
  readonly depth: number
}

function mendTable(payload: Buffer, { from, to, depth }: Part): void {
  let offset = from
  while (offset < to) {
    offset += 1 + (payload[offset] ?? 0)
    offset = mendValue(payload, { from: offset, to, depth })
  }
}

function mendArray(payload: Buffer, { from, to, depth }: Part): void {
  let offset = from
  while (offset < to) offset = mendValue(payload, { from: offset, to, depth })
}

/** Answers where the next value begins; the end where it cannot be known. */
function mendValue(payload: Buffer, { from, to, depth }: Part): number {
  if (from >= to) return to
  const tag = payload[from] as number
  if (tag === pythonLong) {
    payload[from] = long
    return from + 9
  }
  const size = sizes.get(tag)
  if (size !== undefined) return from + 1 + size
  if (from + 5 > to) return to
  const begin = from + 5
  const end = begin + payload.readUInt32BE(from + 1)
  if (strings.has(tag)) return end
  if (tag !== table && tag !== array) return to
  if (depth >= mostDepth) payload[from] = bytes
  else if (tag === table) mendTable(payload, { from: begin, to: Math.min(end, to), depth: depth + 1 })
  else mendArray(payload, { from: begin, to: Math.min(end, to), depth: depth + 1 })
  return end
}
