/** What every operation of the database thread looks like, and the cells that it is called with. */

/** What SQLite keeps and what messages between the threads are made of. */
export type Cell = string | number | null

/** One operation. It runs inside a transaction that the batch opened. */
export interface Verb<Payload = never, Reply = unknown> {
  /**
   * `read` never writes, `write` always does; a function looks (under a read snapshot) whether this call would, so that
   * idle workers do not take the write lock.
   */
  readonly writes: 'read' | 'write' | ((payload: Payload) => boolean)
  /** Whether what it writes must outlive a power loss. */
  readonly durable: boolean
  run(payload: Payload): Reply
}
