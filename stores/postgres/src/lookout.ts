/**
 * Watches one member of the ring on a connection of its own, by waiting for the lock that the member holds while it lives.
 *
 * The server itself tells everybody when it gets the lock, so the news does not wait for this process to be awake. A statement
 * that waits keeps VACUUM from what was deleted after it began: so the wait is in short rounds, each a transaction, that are
 * over before the server would write of a long wait to its log, and no error is written there either.
 */
import { backoffMs } from './backoff.ts'
import { signed } from './channel-name.ts'
import { Line, type LineOptions } from './line.ts'

export interface LookoutOptions {
  readonly line: LineOptions
  /** The first number of the members' locks. */
  readonly lockClass: number
  /** Where it tells `gone` and the number. */
  readonly channel: string
  /** Ends the statement of another process of the server. */
  cancel(pid: number): Promise<unknown>
}

/** One statement waits for so long, unless the member dies or another is to be watched. */
const turnMs = 30_000
/** After this a wait that goes on is asked to end once more. */
const retryMs = 100
/** The code of the error by which the server answers a cancelled statement. */
const cancelled = '57014'

export class Lookout {
  readonly #options: LookoutOptions
  #target: number | undefined
  /** Grows with every change of mind. */
  #aims = 0
  #line: Line | undefined
  /** Settles when the wait that is under way ends. */
  #waiting: Promise<unknown> | undefined
  #running: Promise<void> | undefined
  #wake: () => void = () => {}
  #roundMs = 900
  #isClosed = false

  constructor(options: LookoutOptions) {
    this.#options = options
  }

  /** Watches this member from now on; undefined: nobody. */
  aim(target: number | undefined): void {
    if (target === this.#target || this.#isClosed) return
    this.#target = target
    this.#aims++
    this.#wake()
    void this.#interrupt()
    this.#start()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#target = undefined
    this.#aims++
    this.#wake()
    // In order: what a client leaves waiting the server writes to its log.
    await this.#interrupt()
    await this.#running
  }

  #start(): void {
    if (this.#target === undefined) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      this.#start()
    })
  }

  async #run(): Promise<void> {
    for (let attempt = 0; this.#target !== undefined; ) {
      const aim = this.#aims
      try {
        const line = await this.#connected()
        attempt = 0
        if (aim === this.#aims && (await this.#wait(line, this.#target))) await this.#changeOfMind(aim)
      } catch (error) {
        if ((error as { readonly code?: unknown }).code === cancelled) continue
        this.#drop()
        await this.#changeOfMind(aim, backoffMs(attempt++, this.#options.line.heartbeatMs, Math.random()))
      }
    }
    this.#drop()
  }

  /** Ends a wait that is no longer wanted. One that was just on its way to the server has to be asked again. */
  async #interrupt(): Promise<void> {
    const waiting = this.#waiting
    while (waiting !== undefined && this.#waiting === waiting && this.#line !== undefined) {
      let timer: NodeJS.Timeout | undefined
      try {
        await this.#options.cancel(this.#line.pid)
        const enough = new Promise((resolve) => {
          timer = setTimeout(resolve, retryMs)
        })
        await Promise.race([waiting, enough])
      } catch {
        this.#drop()
      } finally {
        clearTimeout(timer)
      }
    }
  }

  async #connected(): Promise<Line> {
    if (this.#line !== undefined) return this.#line
    const line = await Line.open(this.#options.line, {
      lost: () => {
        if (this.#line === line) this.#line = undefined
      },
    })
    try {
      await line.settle()
      const [row] = await line.run(`select setting::int as ms from pg_settings where name = 'deadlock_timeout'`)
      this.#roundMs = Math.max(10, Math.round((row?.ms as number) * 0.9))
    } catch (error) {
      await line.end()
      throw error
    }
    this.#line = line
    return line
  }

  /** True when the member is gone and everybody was told. */
  async #wait(line: Line, target: number): Promise<boolean> {
    const { lockClass, channel } = this.#options
    const aim = this.#aims
    const answer = line.run(
      `do $$ begin
        perform set_config('lovage.told', '', false), set_config('lock_timeout', '${this.#roundMs}', false);
        for round in 1..${Math.ceil(turnMs / this.#roundMs)} loop
          begin
            perform pg_advisory_xact_lock_shared(${lockClass}, ${signed(target)});
            perform pg_notify('${channel}', 'gone ${target}'), set_config('lovage.told', 'yes', false);
            return;
          exception when lock_not_available then null; when query_canceled then return;
          end;
          commit;
        end loop;
      end $$`,
      undefined,
      { patienceMs: turnMs * 2, isIdle: true },
    )
    this.#waiting = answer.catch(() => {})
    try {
      await answer
    } finally {
      this.#waiting = undefined
    }
    if (aim !== this.#aims) return false
    const [row] = await line.run(`select current_setting('lovage.told') as told`)
    return row?.told === 'yes'
  }

  /** Resolves when somebody else is to be watched, or after some time. */
  async #changeOfMind(aim: number, most?: number): Promise<void> {
    if (aim !== this.#aims) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (most !== undefined) timer = setTimeout(resolve, most).unref()
    })
    clearTimeout(timer)
  }

  #drop(): void {
    const line = this.#line
    this.#line = undefined
    line?.end().catch(() => {})
  }
}
