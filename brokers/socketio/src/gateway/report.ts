/** What workers report of their runs, and how they part. */
import type { DoneFrame, FailFrame, SettlementAnswer } from '../wire/settlement.ts'

/** A frame that settles a run. */
export type Report = { readonly type: 'done'; readonly frame: DoneFrame } | { readonly type: 'fail'; readonly frame: FailFrame }

/** A report that came before the socket had registered. */
export interface HeldReport {
  readonly report: Report
  answer(answer: SettlementAnswer): void
}

/** How a socket was closed. */
export interface Parting {
  /** The worker said so itself. */
  readonly tookLeave: boolean
  /** Nobody closed it: nothing was heard any more. */
  readonly wentMute: boolean
}
