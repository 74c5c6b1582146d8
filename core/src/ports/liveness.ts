/** The Liveness port: the dead-man's switch, held by a worker while it lives and noticed by others when it is let go. */

/** A held switch. `id` is the holder under which runs are claimed; a new one for every start of a worker (its incarnation). */
export interface Hold {
  readonly id: string
  /** Lets go on purpose: watchers are not told that the holder is lost. */
  release(): Promise<void>
}

/** Notices within milliseconds that a process is gone. The lease is the fallback where it cannot. */
export interface Liveness {
  /**
   * Resolves once others would notice the holder's death.
   * @param id the holder that another switch has named, to be held by this one as well; undefined names a new one
   */
  hold(worker: string, id?: string): Promise<Hold>
  /**
   * Calls the listener for each holder that vanished without releasing; rarely twice, and once more after a holder that was cut
   * off came back. The answer ends the watch. When the listener's promise rejects, a switch that remembers the holder calls again,
   * here or in another process.
   */
  watch(onLost: (holder: string) => void | Promise<void>): Promise<() => void>
  /** Of these holders, those that are known to be gone for certain; in doubt a holder is not named. */
  lost(holders: readonly string[]): Promise<readonly string[]>
  /** May be called twice. Holds that were not released look lost to others. */
  close(): Promise<void>
}
