/** Which workers are paused, until when and why: kept beside the tasks, so that every gateway and a new start of it know. */
import type { Desk } from '@lovage/core'

/** Times are epoch milliseconds. */
export interface PauseEntry {
  readonly until: number
  readonly reason: string
  /** How often the worker was paused since it was last well. */
  readonly count: number
  /** The holder that was paused: another start of a worker of L1 is another holder. */
  readonly holder: string
  /** When the last connection of a paused worker of L0 was closed. */
  readonly goneAt?: number
}

const kind = 'socketio-pause'

export class PauseBook {
  readonly #desk: Desk

  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** The pause that holds now. */
  async get(id: string): Promise<PauseEntry | undefined> {
    const stored = await this.#desk.records.read(kind, id)
    const entry = stored === undefined ? undefined : (JSON.parse(stored.value) as PauseEntry)
    return entry !== undefined && entry.until > this.#desk.now() ? entry : undefined
  }

  async put(id: string, entry: PauseEntry): Promise<void> {
    await this.#desk.records.write([{ kind, key: id, value: JSON.stringify(entry) }])
  }

  async remove(id: string): Promise<void> {
    await this.#desk.records.write([{ kind, key: id, value: null }])
  }
}
