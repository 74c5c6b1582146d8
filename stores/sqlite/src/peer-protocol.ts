/** What peers say to each other: one JSON array a line, first its kind. */

/**
 * Everything but `msg` and `ack` carries a number that the receiver acks once it has taken it in, so that a sender can
 * wait until its word counts.
 */
export type PeerMessage =
  | readonly ['hello', ack: number, id: string, channels: readonly string[], holds: readonly string[]]
  /** What changed while the receiver was mute: what it knows of the sender is replaced. */
  | readonly ['facts', ack: number, channels: readonly string[], holds: readonly string[]]
  | readonly ['sub' | 'unsub', ack: number, channel: string]
  | readonly ['hold' | 'release', ack: number, holder: string]
  /** Asks for nothing but the ack: what was sent before it has been taken in by then. */
  | readonly ['sync', ack: number]
  | readonly ['ack', ack: number]
  | readonly ['msg', channel: string, text: string]

/** A line of more characters than this is not one of ours. */
export const lineLimit = 64 * 1024 * 1024

/** What a peer's id looks like; it is part of file names. */
export const peerIdPattern = /^[0-9a-f]{16}$/

/** Writes a message as a line. */
export function encodePeerMessage(message: PeerMessage): string {
  return `${JSON.stringify(message)}\n`
}

/** Reads a line; undefined when it is not a message. */
export function decodePeerMessage(line: string): PeerMessage | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  return Array.isArray(value) && isPeerMessage(value) ? value : undefined
}

function isPeerMessage(value: readonly unknown[]): value is PeerMessage {
  const [kind, first, second, third, fourth] = value
  switch (kind) {
    case 'hello':
      return value.length === 5 && isNumber(first) && isPeerId(second) && areTexts(third) && areTexts(fourth)
    case 'facts':
      return value.length === 4 && isNumber(first) && areTexts(second) && areTexts(third)
    case 'sub':
    case 'unsub':
    case 'hold':
    case 'release':
      return value.length === 3 && isNumber(first) && typeof second === 'string'
    case 'sync':
    case 'ack':
      return value.length === 2 && isNumber(first)
    case 'msg':
      return value.length === 3 && typeof first === 'string' && typeof second === 'string'
    default:
      return false
  }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isPeerId(value: unknown): value is string {
  return typeof value === 'string' && peerIdPattern.test(value)
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
