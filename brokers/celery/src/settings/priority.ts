/** Priorities: Lovage's 7 (highest) to 1 (lowest) on Celery's 0 to 9, around whatever Celery's default is. */

/** Lovage's `medium`, which is what Celery's tasks have unless they say otherwise. */
const medium = 4
const span = 3

export interface PriorityScale {
  /** Whether a smaller number is more urgent on the wire (Redis). */
  readonly smallIsUrgent: boolean
  /** `task_default_priority`; undefined is Celery's 0. */
  readonly initial: number | undefined
}

/**
 * The number on the wire; undefined for `medium` where Celery has no default of its own. With Celery's default at one end of its
 * scale (0) there is no room on one side of it: nothing is less urgent on RabbitMQ, nothing more urgent on Redis.
 */
export function wirePriority(priority: number, { smallIsUrgent, initial }: PriorityScale): number | undefined {
  if (priority === medium) return initial
  const base = initial ?? 0
  const step = Math.min(span, Math.max(-span, priority - medium)) / span
  const up = smallIsUrgent ? -step : step
  return Math.round(up > 0 ? base + (9 - base) * up : base + base * up)
}

/** Lovage's priority of a number on the wire; `medium` where there is none. */
export function lovagePriority(wire: number | undefined, { smallIsUrgent, initial }: PriorityScale): number {
  const base = initial ?? 0
  if (wire === undefined || wire === base) return medium
  const up = wire > base ? (Math.min(9, wire) - base) / (9 - base) : (Math.max(0, wire) - base) / base
  return medium + Math.round((smallIsUrgent ? -up : up) * span)
}
