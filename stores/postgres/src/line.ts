/** One connection to PostgreSQL: a statement at a time, and one word when it is lost. */
import { Socket } from 'node:net'
import { StoreError } from '@lovage/core'
import { Client, type ClientConfig, type QueryResult } from 'pg'

export type Row = Readonly<Record<string, unknown>>

/** Runs one statement, or several without values; answers the rows of the last. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

export interface LineOptions {
  readonly connection: ClientConfig
  /** How often either side makes sure of the other. */
  readonly heartbeatMs: number
}

export interface RunOptions {
  /** A statement that takes longer ends the connection. Default: three heartbeats. */
  readonly patienceMs?: number
  /** Whether the process may end before the statement does. Default false. */
  readonly isIdle?: boolean
}

export interface LineEvents {
  notification?(channel: string, payload: string): void
  /** The connection is gone, and not by `end`. Called once. */
  lost(cause: Error): void
}

/** Keeps its process alive only while a statement is under way. */
export class Line {
  readonly #client: Client & { ref(): void; unref(): void }
  readonly #socket: Socket
  readonly #heartbeatMs: number
  readonly #events: LineEvents
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #cause: Error | undefined
  #isEnded = false
  #pid = 0

  private constructor(options: LineOptions, events: LineEvents) {
    const { connection, heartbeatMs } = options
    this.#heartbeatMs = heartbeatMs
    this.#events = events
    const socket = new Socket()
    this.#socket = socket
    this.#client = new Client({
      application_name: 'lovage',
      connectionTimeoutMillis: heartbeatMs * 3,
      ...connection,
      keepAlive: true,
      keepAliveInitialDelayMillis: heartbeatMs,
      stream: () => socket,
    }) as Client & { ref(): void; unref(): void }
    this.#client.on('error', (error) => this.#lose(error))
    this.#client.on('end', () => this.#lose(unavailable('the connection to PostgreSQL was ended')))
    this.#client.on('notification', ({ channel, payload }) => events.notification?.(channel, payload ?? ''))
  }

  /**
   * Connects.
   * @throws {StoreError} STORE_UNAVAILABLE
   */
  static async open(options: LineOptions, events: LineEvents): Promise<Line> {
    const line = new Line(options, events)
    try {
      await line.#client.connect()
      const [row] = await line.run('select pg_backend_pid() as pid')
      line.#pid = row?.pid as number
    } catch (error) {
      line.#isEnded = true
      line.#socket.destroy()
      throw unavailable('expected a connection to PostgreSQL, got none', error)
    }
    return line
  }

  /** The server's process at the other end, also behind a pooler. */
  get pid(): number {
    return this.#pid
  }

  get isLost(): boolean {
    return this.#cause !== undefined
  }

  /** Whether who answered the call is not who does the work. */
  get isPooled(): boolean {
    return (this.#client as unknown as { readonly processID: number | null }).processID !== this.#pid
  }

  /** @throws {StoreError} STORE_UNAVAILABLE when the connection is lost or ended; what the server says against it as it is */
  run(text: string, values?: readonly unknown[], options: RunOptions = {}): Promise<readonly Row[]> {
    const weight = options.isIdle === true ? 0 : 1
    this.#weigh(weight)
    const answer = this.#tail.then(() => this.#runNow(text, values, options)).finally(() => this.#weigh(-weight))
    this.#tail = answer.catch(() => {})
    return answer
  }

  /**
   * Settings for a connection that is kept: no statement of it is ended for taking long, and a host that vanished without a
   * word is found out by the server too, within three heartbeats.
   */
  async settle(): Promise<void> {
    const heartbeatMs = this.#heartbeatMs
    const seconds = Math.max(1, Math.round(heartbeatMs / 1000))
    await this.run(
      `set tcp_keepalives_idle = ${seconds}; set tcp_keepalives_interval = ${seconds}; set tcp_keepalives_count = 2;
       set tcp_user_timeout = ${Math.round(heartbeatMs * 3)}; set statement_timeout = 0;
       set lock_timeout = ${Math.round(heartbeatMs)}`,
    )
    // Only from PostgreSQL 14 on. A statement that waits for a lock ends soon after its client has.
    await this.run(
      `select set_config(name, case name when 'idle_session_timeout' then '0' else '${Math.round(heartbeatMs)}' end, false)
       from pg_settings where name in ('idle_session_timeout', 'client_connection_check_interval')`,
    )
  }

  /** Ends it; a statement that is under way fails. */
  async end(): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    // A host that is gone never says goodbye.
    const timer = setTimeout(() => this.#socket.destroy(), 1000)
    await this.#client.end()
    clearTimeout(timer)
  }

  /** Counts the statements for which the process has to stay. */
  #weigh(change: number): void {
    this.#waiting += change
    if (this.#waiting > 0) this.#client.ref()
    else this.#client.unref()
  }

  async #runNow(text: string, values: readonly unknown[] | undefined, options: RunOptions): Promise<readonly Row[]> {
    const { patienceMs = this.#heartbeatMs * 3, isIdle = false } = options
    if (this.#cause !== undefined || this.#isEnded) throw unavailable('the connection to PostgreSQL is gone', this.#cause)
    const timer = setTimeout(() => this.#lose(unavailable(`PostgreSQL did not answer for ${patienceMs} ms`)), patienceMs)
    if (isIdle) timer.unref()
    try {
      const result = await this.#client.query(text, values as unknown[] | undefined)
      const last = (Array.isArray(result) ? result.at(-1) : result) as QueryResult<Row>
      return last.rows
    } catch (error) {
      // What ends the connection arrives as an answer to the statement, just before the end.
      if (this.#cause === undefined && !this.#isEnded && !isFatal(error)) throw error
      throw unavailable('the connection to PostgreSQL was lost', error)
    } finally {
      clearTimeout(timer)
    }
  }

  #lose(cause: Error): void {
    if (this.#cause !== undefined || this.#isEnded) return
    this.#cause = cause
    this.#socket.destroy()
    this.#events.lost(cause)
  }
}

/** What is wrong when PostgreSQL cannot be reached. */
export function unavailable(message: string, cause?: unknown): StoreError {
  const detail = cause === undefined ? '' : `: ${reasonOf(cause)}`
  return new StoreError('STORE_UNAVAILABLE', `${message}${detail}`, cause === undefined ? {} : { cause })
}

/** Where a name stands for several addresses, the refusal of all of them has a code but no message. */
function reasonOf(cause: unknown): string {
  if (StoreError.is(cause)) return cause.rawMessage
  const { message, code } = cause as { readonly message?: string; readonly code?: string }
  return message || code || String(cause)
}

/** An administrator ended the session, or the server goes down: classes 57P and 08, or no answer of the server at all. */
function isFatal(error: unknown): boolean {
  const code = (error as { readonly code?: unknown }).code
  return typeof code !== 'string' || code.startsWith('57P') || code.startsWith('08') || code.startsWith('E')
}
