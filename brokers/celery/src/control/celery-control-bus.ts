/** The control bus over Celery's pidbox: commands to all nodes at once, each of which knows whether it is meant. */
import type { ControlBus, ControlHandler, ControlReply, RequestOptions } from '@lovage/core'
import type { Member } from '../member.ts'
import type { Arrival, MailboxBinding } from '../transport.ts'
import { untilWithdrawn } from '../until-withdrawn.ts'
import {
  type ControlAnswer,
  type ControlRequest,
  decodeControlReply,
  decodeControlRequest,
  encodeControlReply,
  encodeControlRequest,
  errorOfAnswer,
  isAddressed,
} from '../wire/control-message.ts'
import { ReplyCollector } from './reply-collector.ts'

const defaultTimeoutMs = 1000
/** Celery's, in milliseconds: how long a node's queue outlives it, and how long commands and replies wait in one. */
const queueExpiresMs = 10_000
const messageTtlMs = 300_000

/** Puts Celery's own commands in front of a worker's. */
export type Wrap = (handler: ControlHandler, worker: string) => ControlHandler

export class CeleryControlBus implements ControlBus {
  readonly #member: Member
  readonly #wrap: Wrap
  readonly #pidbox: MailboxBinding
  readonly #replies: MailboxBinding
  readonly #asking = new Map<string, ReplyCollector>()
  readonly #closing = new AbortController()
  #hearing: Promise<unknown> | undefined
  /** Of Lamport; the mailbox has one of its own. */
  #clock = 0

  constructor(member: Member, wrap: Wrap) {
    const { control_exchange: namespace } = member.settings
    this.#member = member
    this.#wrap = wrap
    this.#pidbox = { exchange: `${namespace}.pidbox`, exchangeType: 'fanout', exchangeDurable: false, routingKeys: [''] }
    this.#replies = {
      exchange: `reply.${namespace}.pidbox`,
      exchangeType: 'direct',
      exchangeDurable: false,
      routingKeys: [member.oid],
    }
  }

  async serve(worker: string, handler: ControlHandler): Promise<() => Promise<void>> {
    const { transport, settings } = this.#member
    if (!settings.worker_enable_remote_control) return async () => {}
    const wrapped = this.#wrap(handler, worker)
    const mailbox = { name: `${worker}.${this.#pidbox.exchange}`, binding: this.#pidbox, expiresMs: queueExpiresMs, messageTtlMs }
    return transport.listen(mailbox, (arrival) => this.#hear(arrival, worker, wrapped))
  }

  async request(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options: RequestOptions = {},
  ): Promise<readonly ControlReply[]> {
    const { timeoutMs = defaultTimeoutMs, limit = Number.POSITIVE_INFINITY } = options
    const closing = this.#closing.signal
    const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal as AbortSignal, closing])
    signal.throwIfAborted()
    await untilWithdrawn(this.#hearReplies(), signal)
    const { clock, newId } = this.#member
    const ticket = newId()
    const collector = new ReplyCollector(options.destination, limit)
    this.#asking.set(ticket, collector)
    const abort = (): void => collector.fail(signal.reason)
    signal.addEventListener('abort', abort)
    const cancel = clock.at(clock.now() + timeoutMs, () => collector.finish())
    const replyTo = { exchange: this.#replies.exchange, routingKey: this.#member.oid }
    this.#send(method, args, options, { ticket, replyTo, expiresMs: clock.now() + timeoutMs })
    return collector.done.finally(() => {
      this.#asking.delete(ticket)
      cancel()
      signal.removeEventListener('abort', abort)
    })
  }

  /** Tells all nodes, and waits for nobody. */
  broadcast(method: string, args: Readonly<Record<string, unknown>>): void {
    this.#send(method, args, {}, {})
  }

  /** Ends what is asked, with this error; so ends whatever is asked after it. */
  close(error: Error): void {
    this.#closing.abort(error)
  }

  #send(
    method: string,
    args: Readonly<Record<string, unknown>>,
    { destination, pattern }: Pick<RequestOptions, 'destination' | 'pattern'>,
    reply: Pick<ControlRequest, 'ticket' | 'replyTo' | 'expiresMs'>,
  ): void {
    const matching = pattern === undefined ? {} : ({ pattern, matcher: 'glob' } as const)
    const request = { method, arguments: args, destination, ...matching, ...reply, clock: ++this.#clock }
    const { settings, transport } = this.#member
    transport.tell(this.#pidbox, encodeControlRequest(request, settings.control_exchange))
  }

  async #hearReplies(): Promise<void> {
    const name = `${this.#member.oid}.${this.#replies.exchange}`
    const mailbox = { name, binding: this.#replies, expiresMs: queueExpiresMs, messageTtlMs }
    this.#hearing ??= this.#member.transport
      .listen(mailbox, (arrival) => this.#hearReply(arrival))
      .catch((error: unknown) => {
        this.#hearing = undefined
        throw error
      })
    await this.#hearing
  }

  #hearReply(arrival: Arrival): void {
    for (const answer of decodeControlReply(arrival)) {
      this.#clock = Math.max(this.#clock, answer.clock) + 1
      const collector = answer.ticket === undefined ? undefined : this.#asking.get(answer.ticket)
      collector?.add(replyOf(answer))
    }
  }

  #hear(arrival: Arrival, worker: string, handler: ControlHandler): void {
    const decoded = decodeControlRequest(arrival)
    if (!decoded.ok) {
      this.#member.logger.warn({ worker }, `a command that cannot be read was dropped: ${decoded.message}`)
      return
    }
    const { request } = decoded
    this.#clock = Math.max(this.#clock, request.clock) + 1
    if (isAddressed(request, worker)) void this.#answer(request, worker, handler)
  }

  async #answer({ method, arguments: args, ticket, replyTo }: ControlRequest, worker: string, handler: ControlHandler) {
    const { logger, transport } = this.#member
    let value: unknown
    try {
      value = await handler(method, args)
    } catch (error) {
      value = { error: error instanceof Error ? error.message : String(error) }
      logger.warn({ worker, method, error }, `the command ${method} failed`)
    }
    if (replyTo === undefined) return
    const binding = { ...this.#replies, exchange: replyTo.exchange, routingKeys: [] }
    const answer = { node: worker, ticket, clock: ++this.#clock }
    try {
      transport.tell(binding, encodeControlReply({ ...answer, value }, replyTo))
    } catch (error) {
      // Who asks counts the answers, and is to get one even if it cannot be written.
      transport.tell(binding, encodeControlReply({ ...answer, value: { error: String(error) } }, replyTo))
    }
  }
}

function replyOf(answer: ControlAnswer): ControlReply {
  const error = errorOfAnswer(answer)
  if (error !== undefined) return { worker: answer.node, ok: false, error }
  return { worker: answer.node, ok: true, value: answer.value }
}
