/** The channels of the Signal on which the parts of a queue hear of one another. */

/** Tasks are pending in the queue (empty message), or one becomes due at the time in the message. */
export const readyChannel = (queue: string): string => `ready.${queue}`
/** Runs of this holder are no longer its own: a JSON list of `Abandoned`. */
export const abortChannel = (holder: string): string => `abort.${holder}`
/** Replies to one control request. */
export const replyChannel = (ticket: string): string => `reply.${ticket}`
/** Something becomes due at the time in the message: a deadline, a lease. */
export const dueChannel = 'due'
/** Tasks were resolved: a JSON list of ids. */
export const resolvedChannel = 'resolved'
/** Schedules were changed. */
export const schedulesChannel = 'schedules'
/** Worker pools, or workers of them, were changed. */
export const poolsChannel = 'pools'
/** A worker has begun or ended to take tasks. */
export const workersChannel = 'workers'
export const controlChannel = 'control'
/** Kinds of events, each with a channel of its own. */
export const eventFamilies = ['task', 'worker', 'other'] as const
export type EventFamily = (typeof eventFamilies)[number]
export const eventChannel = (family: EventFamily): string => `event.${family}`
