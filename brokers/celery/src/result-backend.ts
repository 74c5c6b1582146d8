/** The result backend port of this room: where results of Celery's tasks are kept or sent. */
import type { ResultRecord, ResultTuple } from './wire/result-record.ts'

/** A state of a task, to be stored. */
export interface ResultEntry {
  readonly record: ResultRecord
  /** From the task message: where `rpc://` sends it. */
  readonly replyTo?: string | undefined
  readonly correlationId?: string | undefined
}

/** The part of one member of a chord. */
export interface ChordPart {
  /** The id of the header's group. */
  readonly group: string
  readonly index: number | undefined
  readonly id: string
  readonly state: string
  /** The value, or the exception as a record has it. */
  readonly result: unknown
}

/** One member of a finished chord, in order. */
export interface ChordMember {
  readonly id: string
  readonly state: string
  readonly result: unknown
}

export interface ResultWaiting {
  /** Milliseconds. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Hears of every state, also those that are not final. */
  readonly onRecord?: ((record: ResultRecord) => void) | undefined
}

export interface ResultBackend {
  readonly kind: 'rpc' | 'redis'
  /** What a sender puts into `reply_to`. */
  readonly replyTo: string
  /** Before tasks of these ids are sent, so that no answer comes before somebody listens. */
  expect(ids: readonly string[]): Promise<void>
  /** Resolves when every one is safe. One that would overwrite a stored SUCCESS changes nothing. Concurrent calls are batched. */
  store(entries: readonly ResultEntry[]): Promise<void>
  /** One entry per id, in order; undefined is Celery's PENDING. */
  get(ids: readonly string[]): Promise<readonly (ResultRecord | undefined)[]>
  /**
   * Resolves with the final record.
   * @throws {TaskError} WAIT_TIMEOUT, and the reason of `signal`
   * @throws {ProtocolError} PROTOCOL_INVALID for a record in a content that is not read
   */
  wait(id: string, options?: ResultWaiting): Promise<ResultRecord>
  /** Drops what is stored of a task. */
  forget(ids: readonly string[]): Promise<void>
  /** Chords that the backend counts itself; absent: `celery.chord_unlock` does. */
  readonly chords?: ChordCounter | undefined
  close(): Promise<void>
}

/** Counts the finished members of a chord's header. */
export interface ChordCounter {
  /**
   * Before the last member is sent.
   * @param nested the results of the header where members of it are groups, kept where Celery keeps a saved group
   */
  begin(group: string, size: number, nested?: ResultTuple): Promise<void>
  /** What was kept by `begin`, or by Celery: how the values of the members are nested. To be asked when all have reported. */
  nested(group: string): Promise<ResultTuple | undefined>
  /** Answers all members in order if this part was the last one, else undefined. */
  report(part: ChordPart): Promise<readonly ChordMember[] | undefined>
  /** The body is on its way: nothing needs to be counted any more. */
  end(group: string): Promise<void>
}
