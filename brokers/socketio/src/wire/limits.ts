/** How large and how many: what either side accepts of the other. */

export const limits = {
  /** Bytes of the JSON text of a task's properties or results. */
  payloadBytes: 1024 * 1024,
  /** Bytes of a whole message, what stands around the payload included: a server's `maxHttpBufferSize`. */
  messageBytes: 1024 * 1024 + 64 * 1024,
  /** Bytes of a batch of several frames. */
  batchBytes: 1024 * 1024,
  /** Objects and lists inside each other. */
  depth: 100,
  /** Characters of ids, names and leases. */
  nameCharacters: 200,
  /** Characters of the key of a task. */
  keyCharacters: 500,
  /** Characters of reasons and messages for people; more is cut. */
  proseCharacters: 10_000,
  /** Characters of a JSON Schema that checks are made of. */
  schemaCharacters: 64 * 1024,
  /** Tasks that one worker runs at a time. */
  capacity: 10_000,
  /** Queues, labels and features of one worker. */
  queues: 1000,
  labels: 100,
  /** Definitions that one worker publishes. */
  definitions: 1000,
  /** Deliveries that one worker holds, and entries of one frame about them. */
  prefetch: 100_000,
  /** Messages or events of one frame. */
  batch: 1000,
} as const
