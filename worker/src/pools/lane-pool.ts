/** The pool of children, one handler at a time in each; what a child is made of comes in as a lane. */
import { availableParallelism } from 'node:os'
import { ConfigError, type Failure, failureFrom, TaskError } from '@lovage/core'
import type { Job, JobEnd, JobHooks, Pool, Running } from '../pool.ts'
import { answerCall } from './answer-call.ts'
import { type Deferred, deferred } from './deferred.ts'
import { moduleUrl } from './load-tasks.ts'
import { type ChildKind, PoolChild } from './pool-child.ts'
import type { FromChild, RunReport, ToChild } from './protocol.ts'
import { reviveError } from './revive-error.ts'
import { type SlotOrder, Slots } from './slots.ts'

/** What every pool of children takes. */
export interface LanePoolOptions {
  /** The files that export the task definitions: absolute paths or `file:` URLs. Each child loads them for itself. */
  readonly modules: readonly string[]
  /** The most children, and so the most jobs at once. Default: one for each processor. */
  readonly size?: number | undefined
  /** Replaces a child after so many jobs, against handlers that leak. Default: never. */
  readonly maxTasksPerChild?: number | undefined
}

interface Run {
  readonly hooks: JobHooks
  /** The message that begins it. */
  readonly text: string
  readonly end: (end: JobEnd) => void
  child: PoolChild | undefined
  /** Came before it had a child. */
  aborted: Failure | undefined
}

/** The longest wait, in milliseconds, before a child is started where others have died idle or at their start. */
const maxHoldMs = 5000
/** How long, in milliseconds, `close` waits for children that were killed. */
const closeGraceMs = 4000

/** Makes a pool of children of a kind. @throws {ConfigError} OPTION_INVALID, MODULE_INVALID */
export function lanePool(kind: ChildKind, options: LanePoolOptions): Pool {
  return new LanePool(kind, options)
}

class LanePool implements Pool {
  readonly name: 'threads' | 'processes'
  readonly #kind: ChildKind
  readonly #modules: readonly string[]
  readonly #maxTasksPerChild: number | undefined
  readonly #slots: Slots
  /** The child of each slot. */
  readonly #children = new Map<number, PoolChild>()
  /** Every child that has not gone yet, those without a slot too. */
  readonly #living = new Set<PoolChild>()
  readonly #runs = new Map<number, Run>()
  #lastRun = 0
  #hold: NodeJS.Timeout | undefined
  #start: Deferred<void> | undefined
  #closed = false

  constructor(kind: ChildKind, options: LanePoolOptions) {
    const { modules, size = availableParallelism(), maxTasksPerChild } = options
    if (modules.length === 0) throw new ConfigError('MODULE_INVALID', 'expected `modules` to name at least one file, got none')
    for (const module of modules) moduleUrl(module)
    this.name = kind.name
    this.#kind = kind
    this.#modules = modules
    this.#maxTasksPerChild = maxTasksPerChild === undefined ? undefined : wholeNumber(maxTasksPerChild, 'maxTasksPerChild', 1)
    this.#slots = new Slots({ size: wholeNumber(size, 'size', 1), maxTasksPerChild })
  }

  async start(): Promise<void> {
    this.#start ??= deferred()
    this.#obey(this.#slots.warm())
    try {
      await this.#start.promise
    } catch (error) {
      await this.close()
      throw error
    }
  }

  run(job: Job, hooks: JobHooks): Running {
    const id = ++this.#lastRun
    const { promise, resolve } = deferred<JobEnd>()
    this.#submit(id, job, { hooks, end: resolve, child: undefined, aborted: undefined })
    return {
      end: promise,
      abort: (reason) => this.#abort(id, failureFrom(reason)),
      kill: (reason) => this.#kill(id, failureFrom(reason)),
    }
  }

  resize(size: number): void {
    this.#obey(this.#slots.resize(wholeNumber(size, 'size', 0)))
  }

  describe(): Readonly<Record<string, unknown>> {
    const { size, busy, waiting, spawned } = this.#slots.facts
    return {
      implementation: this.name,
      'max-concurrency': size,
      processes: [...this.#children.values()].flatMap(({ id }) => id ?? []),
      'max-tasks-per-child': this.#maxTasksPerChild ?? 'N/A',
      busy,
      waiting,
      spawned,
    }
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#end()
    // A thread inside a native call cannot be ended from outside; it ends with the process.
    const tired = deferred()
    const timer = setTimeout(tired.resolve, closeGraceMs)
    await Promise.race([tired.promise, Promise.all([...this.#living].map(({ closed }) => closed))])
    clearTimeout(timer)
  }

  #end(): void {
    this.#closed = true
    clearTimeout(this.#hold)
    const text = `expected the first ${this.#kind.noun} to load the task modules, got: the pool was closed`
    this.#start?.reject(new ConfigError('MODULE_INVALID', text))
    for (const [id, run] of this.#runs) this.#finish(id, cutShort(run, poolClosed))
    for (const child of this.#children.values()) {
      if (child.ready && child.run === undefined) child.dismiss()
      else child.kill()
    }
    this.#children.clear()
  }

  #submit(id: number, job: Job, run: Omit<Run, 'text'>): void {
    if (this.#closed) {
      run.end(cutShort(run, poolClosed))
      return
    }
    try {
      this.#runs.set(id, { ...run, text: JSON.stringify({ type: 'run', run: id, job } satisfies ToChild) })
    } catch (cause) {
      run.end({ type: 'invalid', failure: failureFrom(notJson(job, cause)) })
      return
    }
    this.#obey(this.#slots.submit(id))
  }

  /** `failure` is why orders lose jobs. */
  #obey(orders: readonly SlotOrder[], failure: Failure = poolClosed): void {
    if (this.#closed) return
    for (const order of orders) {
      switch (order.type) {
        case 'spawn':
          this.#spawn(order.slot)
          break
        case 'assign':
          this.#assign(order.slot, order.job)
          break
        case 'stop':
          this.#children.get(order.slot)?.dismiss()
          this.#children.delete(order.slot)
          break
        case 'lose':
          this.#finish(order.job, { type: 'died', failure })
          break
        case 'refuse':
          this.#finish(order.job, { type: 'unbegun', failure })
          break
        case 'hold':
          this.#hold = setTimeout(() => this.#obey(this.#slots.release()), Math.min(maxHoldMs, 50 * 2 ** (order.strikes - 1)))
      }
    }
  }

  #spawn(slot: number): void {
    const child = new PoolChild(slot, this.#kind, this.#modules, {
      message: (from, message) => this.#receive(from, message),
      gone: (from, failure) => {
        this.#living.delete(from)
        this.#lose(from, failure)
      },
    })
    this.#children.set(slot, child)
    this.#living.add(child)
  }

  #assign(slot: number, id: number): void {
    const child = this.#children.get(slot)
    const run = this.#runs.get(id)
    if (child === undefined || run === undefined) return
    child.run = id
    run.child = child
    child.post(run.text)
    if (run.aborted !== undefined) child.post({ type: 'abort', run: id, reason: run.aborted })
  }

  #abort(id: number, reason: Failure): void {
    const run = this.#runs.get(id)
    if (run === undefined) return
    run.aborted ??= reason
    run.child?.post({ type: 'abort', run: id, reason })
  }

  #kill(id: number, failure: Failure): boolean {
    const run = this.#runs.get(id)
    if (run === undefined) return true
    this.#finish(id, cutShort(run, failure))
    if (run.child === undefined) this.#slots.withdraw(id)
    else if (run.child.run === id) this.#lose(run.child, failure)
    return true
  }

  #finish(id: number, end: JobEnd): void {
    const run = this.#runs.get(id)
    this.#runs.delete(id)
    run?.end(end)
  }

  /** The child is of no use any more, whether it has gone by itself or not. */
  #lose(child: PoolChild, failure: Failure): void {
    child.kill()
    if (this.#children.get(child.slot) !== child) return
    this.#children.delete(child.slot)
    this.#obey(this.#slots.gone(child.slot), failure)
    if (!child.ready) this.#start?.reject(startError(failure))
  }

  #receive(child: PoolChild, message: FromChild): void {
    if (this.#children.get(child.slot) !== child) return
    switch (message.type) {
      case 'ready':
        child.ready = true
        this.#start?.resolve()
        this.#obey(this.#slots.ready(child.slot))
        break
      case 'broken':
        this.#lose(child, message.failure)
        break
      case 'uncaught':
        break
      default:
        if (message.run === child.run) this.#hear(child, message)
    }
  }

  #hear(child: PoolChild, message: RunReport): void {
    const run = this.#runs.get(message.run)
    switch (message.type) {
      case 'end':
        child.run = undefined
        this.#obey(this.#slots.done(child.slot))
        this.#finish(message.run, message.end)
        break
      case 'progress':
        run?.hooks.progress(message.value, message.detail)
        break
      case 'log':
        run?.hooks.log(message.level, message.text)
        break
      case 'send':
      case 'dependencies':
        if (run !== undefined) void answerCall(message, run.hooks).then((answer) => child.post(answer))
    }
  }
}

function cutShort({ child }: Pick<Run, 'child'>, failure: Failure): JobEnd {
  return { type: child === undefined ? 'unbegun' : 'died', failure }
}

const poolClosed: Failure = { name: 'PoolClosed', message: 'expected the run to end before the pool was closed' }

function notJson({ message }: Job, cause: unknown): TaskError {
  const got = cause instanceof Error ? cause.message : String(cause)
  return new TaskError('INPUT_UNSERIALIZABLE', `expected the input of ${message.name} to be a JSON value, got: ${got}`, { cause })
}

function startError(failure: Failure): ConfigError {
  const error = reviveError(failure)
  return error instanceof ConfigError ? error : new ConfigError('MODULE_INVALID', failure.message, { cause: error })
}

function wholeNumber(value: number, what: string, least: 0 | 1): number {
  if (Number.isInteger(value) && value >= least) return value
  throw new ConfigError('OPTION_INVALID', `expected \`${what}\` to be a whole number from ${least}, got: ${value}`)
}
