/** Lanes: pending tasks in line, one per queue, name and priority, so that a claim looks only at the heads it may take. */
import { Heap } from './heap.ts'
import type { Row } from './row.ts'

interface Lane {
  readonly name: string
  readonly priority: number
  readonly line: Heap<Row>
}

/** Leaves room for 2^48 rows below each priority within the exact integers. */
const priorityStep = 2 ** 48

export class Lanes {
  readonly #queues = new Map<string, Map<string, Lane>>()

  add(row: Row): void {
    const { queue, name, priority } = row.task
    const lanes = this.#queues.get(queue) ?? new Map<string, Lane>()
    if (lanes.size === 0) this.#queues.set(queue, lanes)
    const place = `${priority} ${name}`
    const lane = lanes.get(place) ?? { name, priority, line: new Heap<Row>() }
    if (lane.line.size === 0) lanes.set(place, lane)
    row.lane = lane.line.push(row, row.seq)
  }

  remove(row: Row): void {
    if (row.lane === undefined) return
    const { queue, name, priority } = row.task
    const lanes = this.#queues.get(queue)
    const line = lanes?.get(`${priority} ${name}`)?.line
    line?.remove(row.lane)
    row.lane = undefined
    if (line?.size === 0) lanes?.delete(`${priority} ${name}`)
    if (lanes?.size === 0) this.#queues.delete(queue)
  }

  /** Takes rows out of line: highest priority first, then oldest. */
  take(queues: readonly string[], names: readonly string[] | undefined, limit: number): readonly Row[] {
    const heads = new Heap<Lane>()
    for (const lane of this.#lanesOf(queues, names)) heads.push(lane, urgency(lane))
    const taken: Row[] = []
    while (taken.length < limit) {
      const head = heads.first()
      const row = head?.item.line.first()?.item
      if (head === undefined || row === undefined) break
      this.remove(row)
      taken.push(row)
      if (head.item.line.size === 0) heads.remove(head)
      else heads.move(head, urgency(head.item))
    }
    return taken
  }

  /** `createdAt` of the oldest pending task of a queue. */
  oldestAt(queue: string): number | undefined {
    let oldest: Row | undefined
    for (const { line } of this.#queues.get(queue)?.values() ?? []) {
      const row = line.first()?.item
      if (row !== undefined && (oldest === undefined || row.seq < oldest.seq)) oldest = row
    }
    return oldest?.task.createdAt
  }

  *#lanesOf(queues: readonly string[], names: readonly string[] | undefined): Generator<Lane> {
    const known = names === undefined ? undefined : new Set(names)
    for (const queue of queues) {
      for (const lane of this.#queues.get(queue)?.values() ?? []) {
        if (known === undefined || known.has(lane.name)) yield lane
      }
    }
  }
}

/** One number by which the heads of lanes compare: priority first, then age. */
function urgency(lane: Lane): number {
  return (lane.line.first()?.rank ?? 0) - lane.priority * priorityStep
}
