/** Results as messages (`rpc://`): each state goes to the queue of whoever sent the task, and to nobody else. */
import { type Clock, ProtocolError } from '@lovage/core'
import type { ResultBackend, ResultEntry, ResultWaiting } from '../result-backend.ts'
import type { Arrival, Publication, Transport } from '../transport.ts'
import { type AcceptedContent, decodeContent, encodeContent, type Serializer } from '../wire/content.ts'
import { readResultRecord, rpcObject } from '../wire/result-json.ts'
import type { ResultRecord } from '../wire/result-record.ts'
import { AwaitedRecords } from './awaited-records.ts'

/** How long the queue of a sender outlives it, where results never expire, in milliseconds. */
const dayMs = 86_400_000

export interface RpcResultsOptions {
  readonly transport: Transport
  readonly clock: Clock
  /** The name of the queue where answers to this process come. */
  readonly replyTo: string
  /** Undefined: results do not expire. */
  readonly expiresMs: number | undefined
  /** Results survive a restart of the broker: `result_persistent`. */
  readonly isPersistent: boolean
  /** What results are sent in. */
  readonly serializer: Serializer
  /** Contents that are read. */
  readonly accept: AcceptedContent
  /** A message in the queue that is no result. */
  readonly onBadMessage: (message: string) => void
}

/** Results that come while the connection is broken are lost with the queue, as they are in Celery. */
export class RpcResults implements ResultBackend {
  readonly kind = 'rpc'
  readonly replyTo: string
  readonly #options: RpcResultsOptions
  readonly #records: AwaitedRecords
  #listening: Promise<() => Promise<void>> | undefined
  #isListening = false

  constructor(options: RpcResultsOptions) {
    this.#options = options
    this.replyTo = options.replyTo
    this.#records = new AwaitedRecords(options.clock)
  }

  async expect(): Promise<void> {
    const { transport, replyTo, expiresMs = dayMs } = this.#options
    this.#listening ??= transport
      .listen({ name: replyTo, expiresMs }, (arrival) => this.#hear(arrival))
      .catch((error: unknown) => {
        this.#listening = undefined
        throw error
      })
    await this.#listening
    this.#isListening = true
  }

  async store(entries: readonly ResultEntry[]): Promise<void> {
    const publications = entries.flatMap((entry) => this.#publicationOf(entry))
    if (publications.length > 0) await this.#options.transport.publish(publications)
  }

  async get(ids: readonly string[]): Promise<readonly (ResultRecord | undefined)[]> {
    return ids.map((id) => this.#records.get(id))
  }

  async wait(id: string, options: ResultWaiting = {}): Promise<ResultRecord> {
    options.signal?.throwIfAborted()
    if (this.#isListening) return this.#records.wait(id, options)
    // Where the broker is away nobody waits for longer than they said.
    const failing = new AbortController()
    this.expect().catch((error: unknown) => failing.abort(error))
    const signals = options.signal === undefined ? [] : [options.signal]
    return this.#records.wait(id, { ...options, signal: AbortSignal.any([failing.signal, ...signals]) })
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#records.forget(id)
  }

  async close(): Promise<void> {
    const listening = this.#listening
    this.#listening = undefined
    if (listening !== undefined) await (await listening)()
  }

  #publicationOf({ record, replyTo, correlationId }: ResultEntry): readonly Publication[] {
    if (replyTo === undefined || replyTo === '') return []
    const { body, contentType, contentEncoding } = encodeContent(rpcObject(record), this.#options.serializer)
    const deliveryMode = this.#options.isPersistent ? 2 : 1
    const properties = { contentType, contentEncoding, headers: {}, correlationId, deliveryMode } as const
    return [{ exchange: '', routingKey: replyTo, properties, body }]
  }

  #hear({ properties, body }: Arrival): void {
    const { contentType, contentEncoding, correlationId: id } = properties
    const decoded = decodeContent({ contentType, contentEncoding, body }, this.#options.accept)
    const record = decoded.ok ? readResultRecord(decoded.value) : undefined
    if (record !== undefined) {
      this.#records.add(record)
      return
    }
    const message = decoded.ok ? 'expected a result with `task_id` and `status`' : decoded.message
    this.#options.onBadMessage(message)
    if (id === undefined) return
    const text = `${message}, as the result of task ${id}; \`result_accept_content\` says what is read`
    this.#records.fail(id, new ProtocolError('PROTOCOL_INVALID', text, { subject: id }))
  }
}
