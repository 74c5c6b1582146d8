/** One child as the pool sees it, be it a thread or a process. */
import type { Failure } from '@lovage/core'

/** The pool's end of one child. No method throws, whatever state the child is in. */
export interface Lane {
  /** The thread's or process's id; undefined where none could be started. */
  readonly id: number | undefined
  post(text: string): void
  /** Ends the child at once, even one that hangs. May be called twice. */
  kill(): void
}

/** What a lane tells the pool, never before it is opened. */
export interface LaneListener {
  message(data: unknown): void
  /** The child has gone; called once, nothing follows. */
  exit(death: Death): void
}

/** How a child went. */
export interface Death {
  /** For people: an exit code, a signal. */
  readonly got: string
  /** For programs: the signal. */
  readonly code?: string | undefined
  /** What was thrown and not caught. */
  readonly uncaught?: Failure | undefined
}

/** Starts a child. May throw when it cannot. */
export type OpenLane = (listener: LaneListener) => Lane

/** The entry file of a child: TypeScript beside TypeScript, JavaScript beside what was built. */
export function childEntry(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}
