/** The main thread's end of the database thread: calls go out once per tick, replies settle them, a dead thread is replaced. */
import { Worker } from 'node:worker_threads'
import { ConfigError, type LovageError, StoreError } from '@lovage/core'
import type { Call, Reply } from './batch.ts'
import { errorFrom } from './sqlite-errors.ts'
import type { AnswerOf, PayloadOf, VerbName } from './verbs.ts'
import type { FromThread, ThreadOptions, ToThread } from './wire.ts'

/** Node 22 calls its SQLite experimental with every start; that is no news to whoever runs Lovage. */
const execArgv = ['--disable-warning=ExperimentalWarning']

/** Cells of a payload that is not kept until the end of the tick: those of some 200 outcomes, or 60 new tasks. */
const largeCells = 1000

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

/** One life of the database thread. */
export class ThreadLink {
  readonly #worker: Worker
  readonly #options: ThreadOptions
  readonly #waiting = new Map<number, Waiting>()
  readonly #opened: Promise<void>
  readonly #ended: Promise<void>
  #tellOpened: (error?: Error) => void = () => {}
  #outbox: Call[] = []
  #calls = 0
  #end: LovageError | undefined
  #isClosing = false

  constructor(options: ThreadOptions) {
    this.#options = options
    // The sources run unbuilt as well as built: the thread's file has the ending of this one.
    const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js'
    this.#worker = new Worker(new URL(file, import.meta.url), { workerData: options, name: 'lovage-sqlite', execArgv })
    this.#worker.on('message', (message: FromThread) => this.#hear(message))
    this.#worker.on('error', (error) => this.#die(error))
    this.#worker.on('exit', () => this.#die(undefined))
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()))
    this.#opened = new Promise((resolve, reject) => {
      this.#tellOpened = (error) => (error === undefined ? resolve() : reject(error))
    })
    // A thread that replaces a dead one is not waited for; its calls hear why it cannot open.
    this.#opened.catch(() => {})
  }

  /** Whether calls are of no use any more. */
  get isDead(): boolean {
    return this.#end !== undefined
  }

  /** Resolves when the file is open. */
  opened(): Promise<void> {
    return this.#opened
  }

  call<Name extends VerbName>(verb: Name, payload: PayloadOf<Name>): Promise<AnswerOf<Name>> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    return new Promise((resolve, reject) => {
      const id = ++this.#calls
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      // A thread that nobody waits for does not keep the process alive.
      if (this.#waiting.size === 1) this.#worker.ref()
      if (this.#outbox.push([id, verb, payload]) === 1) process.nextTick(() => this.#flush())
      // A tick ends when all its promises have had their say. Whoever sends or settles much has much more to do until then,
      // beside the thread and not after it. A claim comes a moment after outcomes, and goes with them.
      if (verb === 'insert' && (payload as PayloadOf<'insert'>)[1].length >= largeCells) this.#flush()
      else if (verb === 'update' && (payload as PayloadOf<'update'>).length >= largeCells) queueMicrotask(() => this.#flush())
    })
  }

  /** Waits for calls under way, closes the file and ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#flush()
    // Whoever awaits this may have nothing else that keeps the process alive.
    this.#worker.ref()
    this.#post('close')
    await this.#ended
  }

  #flush(): void {
    const calls = this.#outbox
    if (calls.length === 0) return
    this.#outbox = []
    this.#send(calls)
  }

  #send(calls: readonly Call[]): void {
    try {
      this.#post(calls)
    } catch (error) {
      // Nothing of such a message is sent.
      if (calls.length > 1) for (const call of calls) this.#send([call])
      else for (const call of calls) this.#refuse(call, error)
    }
  }

  #refuse([id, verb]: Call, cause: unknown): void {
    const message = `expected \`${verb}\` to be called with plain data, got: ${String(cause)}`
    this.#waiting.get(id)?.reject(new ConfigError('OPTION_INVALID', message, { cause }))
    this.#waiting.delete(id)
    this.#rest()
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  #hear(message: FromThread): void {
    if (message === 'ping') this.#post('pong')
    else if (message === 'opened') {
      this.#tellOpened()
      this.#rest()
    } else if ('refused' in message) this.#fail(errorFrom(message.refused))
    else this.#settle(message)
  }

  #settle(replies: readonly Reply[]): void {
    for (const [id, failed, answer] of replies) {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (failed) waiting?.reject(errorFrom(answer))
      else waiting?.resolve(answer)
    }
    this.#rest()
  }

  #rest(): void {
    if (this.#waiting.size === 0 && !this.#isClosing) this.#worker.unref()
  }

  #die(cause: unknown): void {
    const { path } = this.#options
    const message = `expected the database thread of ${path} to live, but it ended; the next call starts a new one`
    this.#fail(new StoreError('STORE_UNAVAILABLE', message, { subject: path, ...(cause === undefined ? {} : { cause }) }))
  }

  #fail(error: LovageError): void {
    if (this.#end !== undefined) return
    this.#end = error
    this.#outbox = []
    this.#tellOpened(error)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
