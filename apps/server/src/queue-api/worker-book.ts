/** The book of workers that came over HTTP: who was seen, what they took, and whom nobody gives work any more. */
import { type Desk, httpHolderPrefix, splitWorker } from '@lovage/core'

/** One worker of a queue, as the contract shows it. Times are ISO texts. */
export interface WorkerEntry {
  readonly workerGroup: string
  readonly workerId: string
  /** The last twenty, the newest last. */
  readonly recentTasks: readonly { readonly taskId: string; readonly runId: number }[]
  readonly firstClaim: string
  /** Behind the truth by half an hour at most. */
  readonly lastDateActive: string
  readonly expires: string
  readonly quarantineUntil?: string
  readonly quarantineDetails?: readonly QuarantineDetail[]
}

export interface QuarantineDetail {
  readonly updatedAt: string
  readonly clientId: string
  readonly quarantineUntil: string
  readonly quarantineInfo: string
}

const seenEveryMs = 1_800_000
const keptMs = 86_400_000
const recentLimit = 20

const kindOf = (queue: string): string => `http-worker:${queue}`
const keyOf = ({ workerGroup, workerId }: Pick<WorkerEntry, 'workerGroup' | 'workerId'>): string => `${workerGroup}/${workerId}`

/** Under what a worker holds its runs: all of them can be taken from one start of it at once. */
export function httpHolder(queue: string, worker: string, incarnation = ''): string {
  return `${httpHolderPrefix}${queue} ${worker} ${incarnation}`
}

/** Whether a run was claimed over HTTP: only then may it be kept or resolved that way. */
export function isHttpHolder(holder: string | undefined): boolean {
  return holder?.startsWith(httpHolderPrefix) === true
}

export class WorkerBook {
  readonly #desk: Desk

  constructor(desk: Desk) {
    this.#desk = desk
  }

  async list(queue: string): Promise<readonly WorkerEntry[]> {
    const now = this.#desk.now()
    const entries = (await this.#desk.records.list(kindOf(queue))).map(({ value }) => JSON.parse(value) as WorkerEntry)
    const over = entries.filter((entry) => isOver(entry, now))
    if (over.length > 0) {
      await this.#desk.records.write(over.map((entry) => ({ kind: kindOf(queue), key: keyOf(entry), value: null })))
    }
    return entries.filter((entry) => !isOver(entry, now))
  }

  async get(queue: string, worker: string): Promise<WorkerEntry | undefined> {
    const stored = await this.#desk.records.read(kindOf(queue), keyOf(splitWorker(worker)))
    const entry = stored === undefined ? undefined : (JSON.parse(stored.value) as WorkerEntry)
    return entry === undefined || isOver(entry, this.#desk.now()) ? undefined : entry
  }

  /** Whether the worker gets no work now. */
  isQuarantined({ quarantineUntil }: Pick<WorkerEntry, 'quarantineUntil'>): boolean {
    return quarantineUntil !== undefined && Date.parse(quarantineUntil) > this.#desk.now()
  }

  /** Notes that a worker came, and what it took; nothing is written when that is known well enough. */
  async seen(queue: string, worker: string, taken: WorkerEntry['recentTasks']): Promise<void> {
    await this.change(queue, worker, (entry) => {
      const now = this.#desk.now()
      if (entry !== undefined && taken.length === 0 && now - Date.parse(entry.lastDateActive) < seenEveryMs) return undefined
      return { ...this.#seenNow(entry, worker), recentTasks: [...(entry?.recentTasks ?? []), ...taken].slice(-recentLimit) }
    })
  }

  quarantine(queue: string, worker: string, detail: QuarantineDetail): Promise<WorkerEntry> {
    return this.change(queue, worker, (entry) => ({
      ...(entry ?? this.#seenNow(undefined, worker)),
      quarantineUntil: detail.quarantineUntil,
      quarantineDetails: [...(entry?.quarantineDetails ?? []), detail],
    }))
  }

  declare(queue: string, worker: string, expires: string | undefined): Promise<WorkerEntry> {
    return this.change(queue, worker, (entry) => {
      const seen = entry ?? this.#seenNow(undefined, worker)
      return expires === undefined || Date.parse(expires) < Date.parse(seen.expires) ? seen : { ...seen, expires }
    })
  }

  /** @param verdict what the entry is to be; undefined leaves it */
  async change(
    queue: string,
    worker: string,
    verdict: (entry: WorkerEntry | undefined) => WorkerEntry | undefined,
  ): Promise<WorkerEntry> {
    const key = keyOf(splitWorker(worker))
    for (;;) {
      const stored = await this.#desk.records.read(kindOf(queue), key)
      const before = stored === undefined ? undefined : (JSON.parse(stored.value) as WorkerEntry)
      const entry = verdict(before)
      if (entry === undefined) return before ?? this.#seenNow(undefined, worker)
      const value = JSON.stringify(entry)
      if (await this.#desk.records.write([{ kind: kindOf(queue), key, value, version: stored?.version ?? 0 }])) return entry
    }
  }

  #seenNow(entry: WorkerEntry | undefined, worker: string): WorkerEntry {
    const now = this.#desk.now()
    const lastDateActive = new Date(now).toJSON()
    const expires = new Date(Math.max(now + keptMs, Date.parse(entry?.expires ?? lastDateActive))).toJSON()
    return { firstClaim: lastDateActive, recentTasks: [], ...entry, ...splitWorker(worker), lastDateActive, expires }
  }
}

/** One in quarantine is not forgotten before that is over. */
function isOver({ expires, quarantineUntil }: WorkerEntry, now: number): boolean {
  return Date.parse(expires) <= now && (quarantineUntil === undefined || Date.parse(quarantineUntil) <= now)
}
