/** A worker that was started with a channel to its parent ends with it: what a provisioner launched does not outlive it. */
import type { StopOptions } from '@lovage/worker'

/** How long handlers may go on when the parent is gone: nobody is left who would look after a process that hangs. */
const orphanDrainMs = 600_000

/** The parts of `process` that are used. */
export interface ChildProcessFace {
  /** Undefined without a channel, false when it is closed. */
  readonly connected?: boolean
  readonly channel?: { unref(): void } | null | undefined
  once(event: 'disconnect', listener: () => void): unknown
}

/** Stops the worker warm when the channel closes or has closed, and cold when that takes ten minutes. */
export function endWithParent(worker: { stop(options?: StopOptions): Promise<void> }, child: ChildProcessFace): void {
  if (child.connected === undefined) return
  const end = () => {
    setTimeout(() => void worker.stop({ cold: true }), orphanDrainMs).unref()
    void worker.stop()
  }
  if (!child.connected) {
    end()
    return
  }
  child.once('disconnect', end)
  child.channel?.unref()
}
