/** The pool of children, one handler at a time in each; what a child is made of comes in as a lane. */
import { availableParallelism } from 'node:os'
import { ConfigError, type Failure, failureFrom, TaskError } from '@lovage/core'
import type { Job, JobEnd, JobHooks, Pool, Running } from '../pool.ts'
import { answerCall } from './answer-call.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { Death, Lane, OpenLane } from './lane.ts'
import { moduleUrl } from './load-tasks.ts'
import { type FromChild, type RunReport, readMessage, type ToChild } from './protocol.ts'
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

/** What one pool is made of. */
export interface LaneKind {
  readonly name: 'threads' | 'processes'
  /** One child, in an error message. */
  readonly noun: 'thread' | 'process'
  readonly open: OpenLane
}

/** A child and what the pool knows of it. */
interface Child {
  readonly slot: number
  /** Undefined when it could not be started. */
  lane: Lane | undefined
  ready: boolean
  /** The run that it has, if any. */
  run: number | undefined
  /** What it said about its death before it died. */
  uncaught: Failure | undefined
}

interface Run {
  readonly hooks: JobHooks
  /** The message that begins it. */
  readonly text: string
  child: Child | undefined
  /** Came before it had a child. */
  aborted: Failure | undefined
  readonly end: (end: JobEnd) => void
}

/** How long, in milliseconds, a child may take to exit before it is killed, and one that is killed to go before it is left alone. */
const exitGraceMs = 1000
/** The longest wait, in milliseconds, before a child is started where others have died idle or at their start. */
const maxHoldMs = 5000

/** Makes a pool of the children that `kind` opens. @throws {ConfigError} OPTION_INVALID, MODULE_INVALID */
export function lanePool(kind: LaneKind, options: LanePoolOptions): Pool {
  return new LanePool(kind, options)
}

class LanePool implements Pool {
  readonly name: 'threads' | 'processes'
  readonly #kind: LaneKind
  readonly #load: string
  readonly #maxTasksPerChild: number | undefined
  readonly #slots: Slots
  /** The child of each slot. */
  readonly #children = new Map<number, Child>()
  /** Every child that has not gone yet, those without a slot too; resolves what waits for it to go. */
  readonly #living = new Map<Child, Deferred<void>>()
  readonly #runs = new Map<number, Run>()
  #lastRun = 0
  #hold: NodeJS.Timeout | undefined
  #start: Deferred<void> | undefined
  #closed = false

  constructor(kind: LaneKind, options: LanePoolOptions) {
    const { modules, size = availableParallelism(), maxTasksPerChild } = options
    if (modules.length === 0) throw new ConfigError('MODULE_INVALID', 'expected `modules` to name at least one file, got none')
    this.name = kind.name
    this.#kind = kind
    for (const module of modules) moduleUrl(module)
    this.#load = encode({ type: 'load', modules })
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
    try {
      const run: Run = { hooks, text: encode({ type: 'run', run: id, job }), child: undefined, aborted: undefined, end: resolve }
      if (this.#closed) resolve({ type: 'died', failure: poolClosed })
      else this.#runs.set(id, run)
    } catch (cause) {
      resolve({ type: 'invalid', failure: failureFrom(notJson(job, cause)) })
    }
    if (this.#runs.has(id)) this.#obey(this.#slots.submit(id))
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
      processes: [...this.#children.values()].flatMap(({ lane }) => lane?.id ?? []),
      'max-tasks-per-child': this.#maxTasksPerChild ?? 'N/A',
      busy,
      waiting,
      spawned,
    }
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#end()
    const { promise, resolve } = deferred()
    // A thread inside a native call cannot be ended from outside; the process's exit will do it.
    const timer = setTimeout(resolve, 2 * exitGraceMs)
    await Promise.race([promise, Promise.all([...this.#living.values()].map((gone) => gone.promise))])
    clearTimeout(timer)
  }

  #end(): void {
    this.#closed = true
    clearTimeout(this.#hold)
    const { noun } = this.#kind
    this.#start?.reject(
      new ConfigError('MODULE_INVALID', `expected the first ${noun} to load its modules, got: the pool was closed`),
    )
    for (const id of this.#runs.keys()) this.#finish(id, { type: 'died', failure: poolClosed })
    for (const child of this.#children.values()) {
      if (child.ready && child.run === undefined) this.#dismiss(child)
      else child.lane?.kill()
    }
    this.#children.clear()
  }

  #obey(orders: readonly SlotOrder[], failure: Failure = poolClosed): void {
    for (const order of orders) {
      switch (order.type) {
        case 'spawn':
          this.#spawn(order.slot)
          break
        case 'assign':
          this.#assign(order.slot, order.job)
          break
        case 'stop':
          this.#stop(order.slot)
          break
        case 'lose':
          this.#finish(order.job, { type: 'died', failure })
          break
        case 'hold':
          this.#hold = setTimeout(() => this.#obey(this.#slots.release()), Math.min(maxHoldMs, 50 * 2 ** (order.strikes - 1)))
      }
    }
  }

  #spawn(slot: number): void {
    const child: Child = { slot, lane: undefined, ready: false, run: undefined, uncaught: undefined }
    this.#children.set(slot, child)
    this.#living.set(child, deferred())
    try {
      child.lane = this.#kind.open({
        message: (data) => this.#receive(child, data),
        exit: (death) => this.#gone(child, death),
      })
      child.lane.post(this.#load)
    } catch (error) {
      // Later, as every other death, so that whoever asked for the child has made a note of it.
      queueMicrotask(() => this.#gone(child, { got: failureFrom(error).message }))
    }
  }

  #assign(slot: number, id: number): void {
    const child = this.#children.get(slot)
    const run = this.#runs.get(id)
    if (child === undefined || run === undefined) return
    child.run = id
    run.child = child
    child.lane?.post(run.text)
    if (run.aborted !== undefined) child.lane?.post(encode({ type: 'abort', run: id, reason: run.aborted }))
  }

  #stop(slot: number): void {
    const child = this.#children.get(slot)
    this.#children.delete(slot)
    if (child !== undefined) this.#dismiss(child)
  }

  #dismiss(child: Child): void {
    child.lane?.post(encode({ type: 'stop' }))
    const timer = setTimeout(() => child.lane?.kill(), exitGraceMs)
    void this.#living.get(child)?.promise.then(() => clearTimeout(timer))
  }

  #abort(id: number, reason: Failure): void {
    const run = this.#runs.get(id)
    if (run === undefined) return
    run.aborted ??= reason
    run.child?.lane?.post(encode({ type: 'abort', run: id, reason }))
  }

  #kill(id: number, failure: Failure): boolean {
    const run = this.#runs.get(id)
    if (run === undefined) return true
    this.#finish(id, { type: 'died', failure })
    if (run.child === undefined) this.#slots.withdraw(id)
    else this.#lose(run.child, failure)
    return true
  }

  #finish(id: number, end: JobEnd): void {
    const run = this.#runs.get(id)
    if (run === undefined) return
    this.#runs.delete(id)
    run.end(end)
  }

  /** The child is of no use any more, whether it has gone by itself or not. */
  #lose(child: Child, failure: Failure): void {
    child.lane?.kill()
    if (this.#children.get(child.slot) !== child) return
    this.#children.delete(child.slot)
    this.#obey(this.#slots.gone(child.slot), failure)
    if (!child.ready) this.#start?.reject(startError(failure))
  }

  #gone(child: Child, death: Death): void {
    this.#living.get(child)?.resolve()
    this.#living.delete(child)
    this.#lose(child, died(this.#kind.noun, child, death))
  }

  #receive(child: Child, data: unknown): void {
    if (this.#children.get(child.slot) !== child) return
    const message = readMessage<FromChild>(data)
    switch (message?.type) {
      case 'ready':
        child.ready = true
        this.#start?.resolve()
        this.#obey(this.#slots.ready(child.slot))
        break
      case 'broken':
        this.#lose(child, message.failure)
        break
      case 'uncaught':
        child.uncaught = message.failure
        break
      default:
        if (message !== undefined && message.run === child.run) this.#hear(child, message)
    }
  }

  #hear(child: Child, message: RunReport): void {
    const run = this.#runs.get(message.run)
    if (run === undefined) return
    switch (message.type) {
      case 'end':
        child.run = undefined
        this.#obey(this.#slots.done(child.slot))
        this.#finish(message.run, message.end)
        break
      case 'progress':
        run.hooks.progress(message.value, message.detail)
        break
      case 'log':
        run.hooks.log(message.level, message.text)
        break
      default:
        void answerCall(message, run.hooks).then((answer) => child.lane?.post(encode(answer)))
    }
  }
}

const poolClosed: Failure = { name: 'PoolClosed', message: 'expected the run to end before the pool was closed' }

function died(
  noun: 'thread' | 'process',
  { lane, ready, uncaught: told }: Child,
  { got, code, uncaught = told }: Death,
): Failure {
  const who = lane?.id === undefined ? `a ${noun}` : `${noun} ${lane.id}`
  const duty = ready ? 'live until the end of its run' : 'start and load the task modules'
  const reason = uncaught === undefined ? got : `an uncaught ${uncaught.name}: ${uncaught.message} (${got})`
  return {
    name: noun === 'thread' ? 'ThreadDied' : 'ProcessDied',
    message: `expected ${who} to ${duty}, got: ${reason}`,
    ...(code === undefined ? {} : { code }),
    ...(uncaught === undefined ? {} : { cause: uncaught }),
  }
}

function encode(message: ToChild): string {
  return JSON.stringify(message)
}

function notJson({ message }: Job, cause: unknown): TaskError {
  const got = cause instanceof Error ? cause.message : String(cause)
  return new TaskError('INPUT_UNSERIALIZABLE', `expected the input of ${message.name} to be a JSON value, got: ${got}`, { cause })
}

function startError(failure: Failure): ConfigError {
  const error = reviveError(failure)
  if (error instanceof ConfigError) return error
  return new ConfigError('MODULE_INVALID', failure.message, { cause: error })
}

function wholeNumber(value: number, what: string, least: 0 | 1): number {
  if (Number.isInteger(value) && value >= least) return value
  throw new ConfigError('OPTION_INVALID', `expected \`${what}\` to be a whole number from ${least}, got: ${value}`)
}
