/** Pauses of workers: entered when one says that it is broken or an operator asks, ended by time, by a new start or by hand. */
import type { Attendant } from './attendant.ts'
import { PauseBook, type PauseEntry } from './pause-book.ts'
import { insist, type Surroundings } from './surroundings.ts'

/** The share of a pause that is random, so that workers which broke together do not come back together. */
const jitter = 0.05

export class Pauses {
  readonly #around: Surroundings
  readonly #book: PauseBook
  /** The attendants of a worker here. */
  readonly #of: (id: string) => Iterable<Attendant>
  /** What holds here, by id of the worker. */
  readonly #known = new Map<string, PauseEntry>()
  /** Ends of pauses that are waited for. */
  readonly #timers = new Map<string, () => void>()
  /** Writes follow one another. */
  #writing: Promise<unknown> = Promise.resolve()
  /** Grows with what is changed here. */
  #changes = 0

  constructor(around: Surroundings, of: (id: string) => Iterable<Attendant>) {
    this.#around = around
    this.#book = new PauseBook(around.desk, around.buses.events)
    this.#of = of
  }

  get(id: string): PauseEntry | undefined {
    return this.#known.get(id)
  }

  /** A worker says that it is broken. */
  broken(id: string, holder: string, reason: string): Promise<void> {
    const { settings, random } = this.#around
    return this.begin(id, { ms: settings.pauseMs * (1 + jitter * (2 * random() - 1)), reason, holder })
  }

  /** Holds here at once; resolves when others can know. */
  begin(
    id: string,
    { ms, reason, holder }: { readonly ms: number; readonly reason: string; readonly holder: string },
  ): Promise<void> {
    this.#changes++
    const count = (this.#known.get(id)?.count ?? 0) + 1
    const entry: PauseEntry = { until: Math.ceil(this.#around.clock.now() + ms), reason, count, holder }
    this.#hold(id, entry)
    for (const attendant of this.#of(id)) attendant.pause(shownPause(entry))
    return this.#write(() => this.#book.put(id, entry))
  }

  /** False when it was not paused. */
  async end(id: string): Promise<boolean> {
    const wasPaused = this.#known.has(id) || (await this.#book.get(id)) !== undefined
    if (!wasPaused) return false
    this.#changes++
    this.#lift(id)
    await this.#write(() => this.#book.remove(id))
    return true
  }

  /** A worker comes: a new start of it is a new chance. Answers the pause that holds for it. */
  async arrived(id: string, level: 0 | 1, holder: string): Promise<PauseEntry | undefined> {
    await this.#writing
    const entry = await this.#book.get(id)
    if (entry === undefined) return undefined
    const { reloadMs } = this.#around.settings
    const isBack =
      level === 0 && reloadMs > 0 && entry.goneAt !== undefined && this.#around.clock.now() - entry.goneAt >= reloadMs
    const isAnew = entry.holder !== '' && (isBack || (level === 1 && entry.holder !== holder))
    const stands = isAnew ? await this.#over(id, entry) : entry
    if (stands !== undefined) this.#hold(id, stands)
    return stands
  }

  /** The last connection of a worker was closed: what holds for it is looked up when it comes back. */
  left(id: string): void {
    const entry = this.#known.get(id)
    if (entry === undefined) return
    this.#changes++
    this.#forget(id)
    void this.#write(() => this.#book.markGone(id, entry))
  }

  /**
   * Others may have begun or ended pauses.
   * @param only the worker that it is about; default all that are here
   */
  async look(only?: string): Promise<void> {
    await this.#writing
    const changes = this.#changes
    const entries = only === undefined ? await this.#book.list() : new Map([[only, await this.#book.get(only)]])
    // What was changed here meanwhile is newer than what was read.
    if (changes !== this.#changes) return
    const ids = only === undefined ? new Set([...entries.keys(), ...this.#known.keys()]) : [only]
    for (const id of ids) this.#apply(id, entries.get(id))
    if (only === undefined) await this.#book.forgetOld()
  }

  #apply(id: string, entry: PauseEntry | undefined): void {
    if (entry?.until === this.#known.get(id)?.until) return
    const attendants = [...this.#of(id)]
    if (entry === undefined) this.#lift(id)
    else if (attendants.some(({ session }) => session.isAttached)) {
      this.#hold(id, entry)
      for (const attendant of attendants) attendant.pause(shownPause(entry))
    }
  }

  close(): Promise<unknown> {
    for (const cancel of this.#timers.values()) cancel()
    return this.#writing
  }

  #hold(id: string, entry: PauseEntry): void {
    this.#forget(id)
    this.#known.set(id, entry)
    const { clock } = this.#around
    this.#timers.set(
      id,
      clock.at(entry.until, () => void this.#over(id, entry)),
    )
  }

  /** This pause is over. Answers the one that others have begun in its place. */
  async #over(id: string, entry: PauseEntry): Promise<PauseEntry | undefined> {
    this.#changes++
    let stands: PauseEntry | undefined
    await this.#write(async () => {
      stands = await this.#book.end(id, entry)
    })
    const known = this.#known.get(id)
    if (known === undefined || known.until === entry.until) this.#apply(id, stands)
    return stands
  }

  #lift(id: string): void {
    this.#forget(id)
    for (const attendant of this.#of(id)) attendant.resume()
  }

  #forget(id: string): void {
    this.#known.delete(id)
    this.#timers.get(id)?.()
    this.#timers.delete(id)
  }

  /** Never rejects: a pause that could not be kept holds here alone. */
  #write(write: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(() => insist(this.#around, 'keeping the pause of a worker', write)).catch(() => {})
    this.#writing = written
    return written
  }
}

/** As a worker is told of it. */
export function shownPause({ until, reason }: PauseEntry): { readonly until: string; readonly reason: string } {
  return { until: new Date(until).toJSON(), reason }
}
