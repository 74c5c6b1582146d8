/** Which workers are paused, until when and why: kept beside the tasks, so that every gateway and a new start of it know. */
import type { Desk, EventBus } from '@lovage/core'

/** Times are epoch milliseconds. */
export interface PauseEntry {
  readonly until: number
  readonly reason: string
  /** How often the worker was paused since it was last well. */
  readonly count: number
  /** The holder that was paused: another start of a worker of L1 is another holder. Empty: by an operator, for all of its starts. */
  readonly holder: string
  /** When the last connection of a paused worker of L0 was closed. */
  readonly goneAt?: number
}

const kind = 'socketio-pause'

/** The type of the event that tells gateways to look at the pause of a worker again; `id` is the worker's. */
export const pauseChanged = 'pause-changed'

export class PauseBook {
  readonly #desk: Pick<Desk, 'records' | 'now'>
  readonly #events: Pick<EventBus, 'emit'> | undefined

  constructor(desk: Pick<Desk, 'records' | 'now'>, events: Pick<EventBus, 'emit'> | undefined) {
    this.#desk = desk
    this.#events = events
  }

  /** Those that hold now, by id of the worker. */
  async list(): Promise<ReadonlyMap<string, PauseEntry>> {
    const stored = await this.#desk.records.list(kind)
    const all = stored.map(({ key, value }) => [key, JSON.parse(value) as PauseEntry] as const)
    return new Map(all.filter(([, { until }]) => until > this.#desk.now()))
  }

  /** The pause that holds now. */
  async get(id: string): Promise<PauseEntry | undefined> {
    const stored = await this.#desk.records.read(kind, id)
    const entry = stored === undefined ? undefined : (JSON.parse(stored.value) as PauseEntry)
    return entry !== undefined && entry.until > this.#desk.now() ? entry : undefined
  }

  async put(id: string, entry: PauseEntry): Promise<void> {
    await this.#desk.records.write([{ kind, key: id, value: JSON.stringify(entry) }])
    this.#changed(id)
  }

  /** The last connection of a paused worker was closed. What others have changed meanwhile stands. */
  async markGone(id: string, { until }: PauseEntry): Promise<void> {
    const stored = await this.#desk.records.read(kind, id)
    if (stored === undefined) return
    const entry = JSON.parse(stored.value) as PauseEntry
    if (entry.until !== until) return
    const value = JSON.stringify({ ...entry, goneAt: this.#desk.now() } satisfies PauseEntry)
    await this.#desk.records.write([{ kind, key: id, value, version: stored.version }])
  }

  /** Ends this pause. One that others have begun in its place stands, and is answered. */
  async end(id: string, { until }: PauseEntry): Promise<PauseEntry | undefined> {
    const stored = await this.#desk.records.read(kind, id)
    if (stored === undefined) return undefined
    const entry = JSON.parse(stored.value) as PauseEntry
    if (entry.until !== until) return entry
    if (!(await this.#desk.records.write([{ kind, key: id, value: null, version: stored.version }]))) return this.get(id)
    this.#changed(id)
    return undefined
  }

  /** Forgets pauses that are over, of workers that nobody has seen since. */
  async forgetOld(): Promise<void> {
    const stored = await this.#desk.records.list(kind)
    const old = stored.filter(({ value }) => (JSON.parse(value) as PauseEntry).until <= this.#desk.now())
    await Promise.all(old.map(({ key, version }) => this.#desk.records.write([{ kind, key, value: null, version }])))
  }

  async remove(id: string): Promise<void> {
    await this.#desk.records.write([{ kind, key: id, value: null }])
    this.#changed(id)
  }

  #changed(id: string): void {
    this.#events?.emit({ type: pauseChanged, at: this.#desk.now(), worker: id, id })
  }
}
