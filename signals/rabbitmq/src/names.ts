/** What things are called on the broker. */
import { createHash } from 'node:crypto'

/** A queue's name and a routing key have at most 255 bytes. */
const mostBytes = 200

/** A text as it is where it is short and has no wildcards of topics; else a digest of it. */
function fitting(text: string): string {
  return Buffer.byteLength(text) <= mostBytes && !/[*#]/.test(text) ? text : createHash('sha256').update(text).digest('hex')
}

export class Names {
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** The exchange of the Signal's messages, a topic one. */
  get signal(): string {
    return `${this.#prefix}.signal`
  }

  /** The exchange of hints, a direct one. */
  get hints(): string {
    return `${this.#prefix}.hints`
  }

  /** Y of the protocol: where the switches of the dead arrive. */
  get crashed(): string {
    return `${this.#prefix}.crashed`
  }

  /** X of the protocol: the switch of one holder. */
  alive(holder: string): string {
    return `${this.#prefix}.alive.${fitting(holder)}`
  }

  /** The hints for those who consume a queue and know just these tasks: deploys with other tasks have a queue of their own. Undefined: all tasks. */
  hintsFor(queue: string, names: readonly string[] | undefined): string {
    const kind = names === undefined ? 'every' : digestOf(names)
    return `${this.#prefix}.hints.${fitting(queue)}.${kind}`
  }

  /** The exchange on which one kind of news is told. */
  news(kind: string): string {
    return `exchange/${this.#prefix}/v1/task-${kind}`
  }
}

/** The routing key of a channel of the Signal. */
export function channelKey(channel: string): string {
  return `on.${fitting(channel)}`
}

/** The routing key of hints; without a name those that tell none. */
export function hintKey(queue: string, name?: string): string {
  return fitting(name === undefined ? `any ${queue}` : `task ${queue} ${name}`)
}

/** The routing key, beside their own, of hints for those who take tasks of any name. */
export function everyHintKey(queue: string): string {
  return fitting(`every ${queue}`)
}

function digestOf(names: readonly string[]): string {
  return createHash('sha256')
    .update([...names].sort().join('\n'))
    .digest('hex')
    .slice(0, 12)
}
