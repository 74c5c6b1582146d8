/** Events, and readers of ids and names in frames. */
import { longestDurationMs } from '@lovage/core'
import { limits } from './limits.ts'
import { matching, type Reader, text, wholeNumber } from './reader.ts'

/** The events of L0 and L1. `connect`, `drain` and `batch` go both ways. */
export const eventNames = {
  connect: 'worker.connect',
  /** As `connect`, in the original's first weeks. */
  join: 'worker.join',
  task: 'worker.task',
  batch: 'worker.batch',
  done: 'worker.task.done',
  fail: 'worker.task.fail',
  error: 'worker.error',
  heartbeat: 'worker.task.heartbeat',
  progress: 'worker.task.progress',
  cancel: 'worker.cancel',
  capacity: 'worker.capacity',
  drain: 'worker.drain',
  leave: 'worker.leave',
  pause: 'worker.pause',
  resume: 'worker.resume',
  /** Those of the feature `broker` follow. */
  tasks: 'worker.tasks',
  begin: 'worker.begin',
  outcomes: 'worker.outcomes',
  log: 'worker.log',
  revoke: 'worker.revoke',
  inflow: 'worker.inflow',
  control: 'worker.control',
  events: 'worker.events',
  send: 'worker.send',
  results: 'worker.results',
} as const

/** A worker's id or a queue's name: visible characters without spaces, as names of queues are. */
export const nameReader: Reader<string> = matching(
  `a text of 1 to ${limits.nameCharacters} characters without spaces`,
  (value): value is string => typeof value === 'string' && /^[^\s\p{C}]{1,200}$/u.test(value),
)

/** The id of a task, a lease or an instance. */
export const idReader: Reader<string> = text(1, limits.nameCharacters)

/** The id of a task that is made, as `checkId` of core takes it. */
export const taskIdReader: Reader<string> = matching(
  'an id of 1 to 200 visible ASCII characters',
  (value): value is string => typeof value === 'string' && /^[!-~]{1,200}$/.test(value),
)

/** Epoch milliseconds that a Date can hold. */
export const timeReader: Reader<number> = wholeNumber(0, 8.64e15)
/** Milliseconds, no more than core takes. */
export const durationReader: Reader<number> = wholeNumber(0, longestDurationMs)
