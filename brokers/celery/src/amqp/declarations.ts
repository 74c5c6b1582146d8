/** What is declared on a link: each thing once per connection, on a channel of its own that a refusal costs nothing. */
import { ConfigError, type Logger, LovageError, StoreError } from '@lovage/core'
import type { Channel } from 'amqplib'
import type { AmqpLink, Connection, Lodger } from './amqp-link.ts'
import { inTime, LateAnswer } from './in-time.ts'
import type { Declaration } from './topology.ts'

const answerMs = 10_000

export class Declarations implements Lodger {
  readonly #link: AmqpLink
  readonly #logger: Logger
  /** What is declared anew on every connection. */
  readonly #remembered = new Map<string, Declaration>()
  /** By key, on the connection that is there. */
  #made = new Map<string, Promise<void>>()
  #connection: Connection | undefined
  #channel: Channel | undefined
  /** One after the other, so that it is clear which of them the broker refused. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(link: AmqpLink, logger: Logger) {
    this.#link = link
    this.#logger = logger
  }

  async enter(connection: Connection): Promise<void> {
    this.#connection = connection
    let isLate = false
    for (const declaration of this.#remembered.values()) {
      const made = this.on(connection, declaration).catch((error: LovageError) => {
        isLate ||= error.cause instanceof LateAnswer
        this.#logger.error({ error: error.message }, 'RabbitMQ refused what it took before')
      })
      // After one that has no answer nobody waits for the others: the connection goes on without them.
      if (!isLate) await made
    }
  }

  leave(): void {
    this.#connection = undefined
    this.#channel = undefined
    this.#made = new Map()
  }

  /**
   * Declares, and again on every connection to come; waits for one.
   * @throws {ConfigError} QUEUE_MISMATCH
   */
  async remember(declaration: Declaration): Promise<void> {
    for (;;) {
      const connection = await this.#link.up()
      try {
        await this.on(connection, declaration)
        this.#remembered.set(declaration.key, declaration)
        return
      } catch (error) {
        // What was lost on the way is made on the next connection.
        if (this.#link.connection === connection) throw error
      }
    }
  }

  /** Declares on this connection, once. @throws {ConfigError} QUEUE_MISMATCH */
  on(connection: Connection, declaration: Declaration): Promise<void> {
    if (this.#connection !== connection) return Promise.reject(lost(declaration))
    const known = this.#made.get(declaration.key)
    if (known !== undefined) return known
    const made = this.#turn.then(() => this.#make(connection, declaration))
    this.#turn = made.catch(() => {})
    this.#made.set(declaration.key, made)
    made.catch(() => {
      if (this.#made.get(declaration.key) === made) this.#made.delete(declaration.key)
    })
    return made
  }

  /** Declares again what somebody else may have deleted. */
  again(connection: Connection, declaration: Declaration): Promise<void> {
    if (this.#connection === connection) this.#made.delete(declaration.key)
    return this.on(connection, declaration)
  }

  async #make(connection: Connection, declaration: Declaration): Promise<void> {
    let channel: Channel | undefined
    try {
      channel = await this.#opened(connection)
      await inTime(declaration.make(channel), answerMs)
    } catch (error) {
      if (this.#channel === channel) this.#channel = undefined
      // One that does not answer would keep its number for ever.
      if (error instanceof LateAnswer) channel?.close().catch(() => {})
      throw refusal(declaration, error)
    }
  }

  async #opened(connection: Connection): Promise<Channel> {
    if (this.#channel !== undefined && this.#connection === connection) return this.#channel
    const channel = await inTime(connection.channel(), answerMs)
    channel.on('close', () => {
      if (this.#channel === channel) this.#channel = undefined
    })
    this.#channel = channel
    return channel
  }
}

function lost({ shown }: Declaration): StoreError {
  return new StoreError('STORE_UNAVAILABLE', `expected a connection to RabbitMQ to declare ${shown}, got: it was lost`)
}

/** RabbitMQ's codes: 406 is there with other flags, 405 is another connection's. */
export function refusal(declaration: Declaration, error: unknown): LovageError {
  if (LovageError.is(error) && !(error instanceof LateAnswer)) return error
  const { code, message } = error as Error & { readonly code?: number }
  const got = /"(.*)"/s.exec(message)?.[1] ?? message
  const text = `expected RabbitMQ to take ${declaration.shown}, got: ${got}`
  // The library cannot write it.
  if (error instanceof TypeError) return new ConfigError('OPTION_INVALID', text, { cause: error })
  if (code === 406) {
    const cure = /invalid arg/.test(got)
      ? 'leave the argument out, or give it another value'
      : 'declare it with the flags and arguments that it has (all programs must agree), or delete it'
    return new ConfigError('QUEUE_MISMATCH', `${text}; ${cure}`, { cause: error })
  }
  if (code === 405) {
    const cure = 'another program has it: give each worker a name of its own'
    return new ConfigError('QUEUE_MISMATCH', `${text}; ${cure}`, { cause: error, retryable: true })
  }
  return new StoreError('STORE_UNAVAILABLE', text, { cause: error, retryable: code === undefined })
}
