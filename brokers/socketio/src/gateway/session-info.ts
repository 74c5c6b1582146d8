/** What an operator sees of a worker at a gateway. */

/** One worker as an operator sees it. Several connections of a worker of L0 are several sessions. */
export interface SessionInfo {
  readonly id: string
  /** 0: a worker that knows the baseline alone. */
  readonly level: 0 | 1
  /** Under what it holds its runs. */
  readonly holder: string
  /** `name@host`, as its runs tell. */
  readonly worker: string
  readonly queues: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly capacity: number
  /** Ids of the tasks that it works on. */
  readonly running: readonly string[]
  /** False: its connection is closed, and it may still come back. */
  readonly connected: boolean
  readonly draining: boolean
  /** The id of the token by which it came in. */
  readonly token?: string | undefined
  readonly paused?: { readonly until: Date; readonly reason: string; readonly count: number } | undefined
}
