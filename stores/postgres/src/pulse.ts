/**
 * Shows the server that this process goes on, while it holds something: one that is frozen says nothing, and the server ends a
 * session that says nothing for three heartbeats, with the locks on it.
 */
import type { Query } from './line.ts'

export interface PulseOptions {
  readonly heartbeatMs: number
  /** Says something on the session; whether it arrived is seen there. */
  beat(): Promise<unknown>
}

export class Pulse {
  readonly #options: PulseOptions
  #timer: NodeJS.Timeout | undefined

  constructor(options: PulseOptions) {
    this.#options = options
  }

  /** From now on silence is death, on the connection that runs this. Does nothing when that is so already. */
  async start(run: Query): Promise<void> {
    if (this.#timer !== undefined) return
    const { heartbeatMs, beat } = this.#options
    this.#timer = setInterval(() => void beat().catch(() => {}), heartbeatMs).unref()
    await run(`set idle_session_timeout = ${Math.round(heartbeatMs * 3)}`)
  }

  /** Silence means nothing any more. */
  async stop(run: Query): Promise<void> {
    this.pause()
    await run('set idle_session_timeout = 0')
  }

  /** While there is no connection. */
  pause(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
