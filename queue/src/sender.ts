/** Sends: messages become tasks; requests that arrive together go to the store together. */
import {
  ConfigError,
  type InsertResult,
  LovageError,
  type NewTask,
  type SendReceipt,
  StoreError,
  TaskError,
  type TaskExtras,
  type TaskMessage,
} from '@lovage/core'
import { Announcer } from './announcer.ts'
import type { Engine } from './engine.ts'
import { Letters } from './letters.ts'
import { encodePayload } from './payload.ts'

/** How many tasks may be on their way at once before others wait for their answers. */
const flightLimit = 2000
/** The most tasks of one insert, so that a flood does not delay its first answers. */
const batchLimit = 1000
/** Before the tick ends, half of the callers are handed over, but no fewer and no more than these. */
const [leastPrompt, mostPrompt] = [32, 256]
/** How much of the number of callers is remembered from one tick with sends to the next. */
const memory = 0.95

/** A task that was written, or is there for another reason. */
export interface Inserted {
  readonly task: NewTask
  readonly result: InsertResult
}

interface Waiting {
  readonly task: NewTask
  resolve(inserted: Inserted): void
  reject(error: unknown): void
}

export class Sender {
  readonly #engine: Engine
  #waiting: Waiting[] = []
  /** Tasks on their way. */
  #flying = 0
  /** How many callers there were at once, of late. */
  #crowd = 0
  #scheduled = false
  #closed = false
  readonly #idle: (() => void)[] = []
  /** Why tasks could not be inserted, by id, as long as others are on their way that may depend on them. */
  readonly #failures = new Map<string, unknown>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Single messages of concurrent calls share a transaction; a call with several is one of its own, whole or not at all. */
  send(messages: readonly TaskMessage[]): Promise<readonly SendReceipt[]> {
    const [only] = messages
    if (only !== undefined && messages.length === 1) return this.insert(only).then(({ result }) => [receipt(result)])
    if (this.#closed) return Promise.reject(closed())
    return messages.length === 0 ? Promise.resolve([]) : this.#sendAll(messages)
  }

  /** Sends one message, and answers with what was written. */
  insert(message: TaskMessage): Promise<Inserted> {
    if (this.#closed) return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task: this.#newTask(message, this.#engine.clock.now()), resolve, reject })
      if (this.#waiting.length >= this.#prompt) this.#flush(flightLimit)
      else this.#schedule()
    })
  }

  /** Sends in a transaction of the caller's, whole or not at all: it counts, and the others hear of it, when the caller commits. */
  async sendWithin(messages: readonly TaskMessage[], transaction: object): Promise<readonly SendReceipt[]> {
    if (this.#closed) throw closed()
    if (messages.length === 0) return []
    const { store, clock, signal } = this.#engine
    const now = clock.now()
    const tasks = messages.map((message) => this.#newTask(message, now))
    const reply = await store.insert(tasks, { allOrNone: tasks.length > 1, transaction })
    throwRefusal(reply.results, tasks)
    const letters = new Letters()
    const announcer = new Announcer(letters)
    this.#announce(tasks, reply.results, announcer)
    announcer.inserted(tasks, reply)
    await signal.publishWithin?.(transaction, letters.all)
    return reply.results.map(receipt)
  }

  /** Resolves when nothing is on its way any more; later sends are refused. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#flying > 0 || this.#waiting.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** While the store works on what one half sent, the other half sends: callers fall into step otherwise, and wait together. */
  get #prompt(): number {
    return this.#crowd === 0 ? mostPrompt : Math.min(mostPrompt, Math.max(leastPrompt, Math.ceil(this.#crowd / 2)))
  }

  #schedule(): void {
    if (this.#scheduled || this.#flying >= flightLimit) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#crowd = Math.max(this.#crowd * memory, this.#waiting.length + this.#flying)
      this.#flush(flightLimit)
    })
  }

  #flush(limit: number): void {
    while (this.#waiting.length > 0 && this.#flying < limit) {
      const batch = this.#waiting.length <= batchLimit ? this.#waiting : this.#waiting.slice(0, batchLimit)
      this.#waiting = this.#waiting.length <= batchLimit ? [] : this.#waiting.slice(batchLimit)
      for (const part of partsOf(batch)) void this.#flight(part.length, () => this.#insert(part))
    }
  }

  async #flight<Result>(size: number, work: () => Promise<Result>): Promise<Result> {
    this.#flying += size
    try {
      return await work()
    } finally {
      this.#flying -= size
      this.#flush(flightLimit)
      if (this.#flying === 0) {
        this.#failures.clear()
        for (const resolve of this.#idle.splice(0)) resolve()
      }
    }
  }

  async #insert(batch: readonly Waiting[]): Promise<void> {
    try {
      const tasks = batch.map((waiting) => waiting.task)
      const reply = await this.#engine.store.insert(tasks)
      this.#announce(tasks, reply.results)
      this.#engine.announcer.inserted(tasks, reply)
      for (let i = 0; i < batch.length; i++) this.#answer(batch[i] as Waiting, reply.results[i] as InsertResult)
    } catch (error) {
      // One that can never be written takes nobody along.
      if (batch.length > 1 && isHopeless(error)) {
        await Promise.all(batch.map((waiting) => this.#insert([waiting])))
        return
      }
      for (const waiting of batch) {
        this.#failures.set(waiting.task.id, error)
        waiting.reject(error)
      }
    }
  }

  #answer(waiting: Waiting, result: InsertResult): void {
    if (result.status === 'inserted' || result.status === 'existing') waiting.resolve({ task: waiting.task, result })
    else waiting.reject(this.#failureBehind(waiting, result) ?? refusal(result, waiting.task))
  }

  /** A dependency that was sent just before, and is unknown because its own insertion failed. */
  #failureBehind({ task }: Waiting, result: InsertResult): unknown {
    if (result.status !== 'unknown-dependency') return undefined
    const failure = this.#failures.get(result.dependency)
    if (failure !== undefined) this.#failures.set(task.id, failure)
    return failure
  }

  #sendAll(messages: readonly TaskMessage[]): Promise<readonly SendReceipt[]> {
    const now = this.#engine.clock.now()
    const tasks = messages.map((message) => this.#newTask(message, now))
    // What was sent before may be what these depend on.
    this.#flush(Number.POSITIVE_INFINITY)
    return this.#flight(tasks.length, async () => {
      const reply = await this.#engine.store.insert(tasks, { allOrNone: true })
      throwRefusal(reply.results, tasks)
      this.#announce(tasks, reply.results)
      this.#engine.announcer.inserted(tasks, reply)
      return reply.results.map(receipt)
    })
  }

  /** Tells of due times and deadlines; what is pending at once comes with the ripple. */
  #announce(tasks: readonly NewTask[], results: readonly InsertResult[], announcer = this.#engine.announcer): void {
    const dueByQueue = new Map<string, number>()
    let deadline = Number.POSITIVE_INFINITY
    for (let i = 0; i < tasks.length; i++) {
      const task = tasks[i] as NewTask
      if (task.deadline === undefined && task.dueAt === undefined) continue
      const result = results[i] as InsertResult
      if (result.status !== 'inserted') continue
      if (task.deadline !== undefined) deadline = Math.min(deadline, task.deadline)
      if (result.state === 'scheduled' && task.dueAt !== undefined) {
        dueByQueue.set(task.queue, Math.min(dueByQueue.get(task.queue) ?? Number.POSITIVE_INFINITY, task.dueAt))
      }
    }
    for (const [queue, at] of dueByQueue) announcer.dueIn(queue, at)
    if (deadline !== Number.POSITIVE_INFINITY) announcer.due(deadline)
  }

  #newTask(message: TaskMessage, now: number): NewTask {
    const { maxPayload } = this.#engine.settings
    const dueAt = message.at !== undefined && message.at > now ? message.at : undefined
    if (message.deadline !== undefined && message.deadline <= now) {
      const late = new Date(message.deadline).toISOString()
      const text = `expected \`deadline\` of task ${message.name} to lie ahead, got: ${late}`
      throw new ConfigError('OPTION_INVALID', text, { subject: 'deadline' })
    }
    return {
      id: message.id,
      isNew: message.isNew,
      name: message.name,
      queue: message.queue,
      priority: message.priority,
      input: encodePayload(message.input, maxPayload, () => `input of ${message.name}`),
      extras: extrasOf(message, maxPayload),
      retryLimit: message.retryLimit,
      lostLimit: message.lostLimit ?? 5,
      dueAt,
      deadline: message.deadline,
      key: message.key,
      keyUntil: message.key === undefined || message.keyForMs === undefined ? undefined : now + message.keyForMs,
      keyPolicy: message.key === undefined ? undefined : message.keyPolicy,
      createdAt: now,
    }
  }
}

function extrasOf(message: TaskMessage, maxPayload: number): TaskExtras | undefined {
  const { args, kwargs, headers, dependencies, requires, onDependencyFailure, bind, timeoutMs, parent, flow, http } = message
  const some = args ?? kwargs ?? headers ?? dependencies ?? bind ?? timeoutMs ?? parent ?? flow ?? http
  if (some === undefined && message.input !== null) return undefined
  const extras: TaskExtras = {
    ...(args === undefined ? {} : { args }),
    ...(kwargs === undefined ? {} : { kwargs }),
    ...(headers === undefined ? {} : { headers }),
    ...(dependencies === undefined ? {} : { dependencies }),
    ...(requires === undefined ? {} : { requires }),
    ...(onDependencyFailure === undefined ? {} : { onDependencyFailure }),
    ...(bind === undefined ? {} : { bind }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(parent === undefined ? {} : { parent }),
    ...(flow === undefined ? {} : { flow }),
    ...(http === undefined ? {} : { http }),
    ...(message.input === null ? { nullInput: true } : {}),
  }
  if (args !== undefined || kwargs !== undefined || headers !== undefined || http !== undefined) {
    encodePayload([args, kwargs, headers, http], maxPayload, () => `arguments and headers of ${message.name}`)
  }
  return extras
}

/** The store has no way to write it, now or ever. */
function isHopeless(error: unknown): boolean {
  return LovageError.is(error, 'NAME_INVALID') || LovageError.is(error, 'OPTION_INVALID')
}

/**
 * Somebody's open transaction may hold keys for long: who has none is not to wait for them. Tasks that depend on others stay with
 * those that were sent before them.
 */
function partsOf(batch: readonly Waiting[]): readonly (readonly Waiting[])[] {
  const isKeyed = ({ task }: Waiting): boolean => task.key !== undefined
  const plain = batch.filter((waiting) => !isKeyed(waiting))
  if (plain.length === 0 || plain.length === batch.length) return [batch]
  if (batch.some(({ task }) => (task.extras?.dependencies ?? []).length > 0)) return [batch]
  return [plain, batch.filter(isKeyed)]
}

/** Of a call that is whole or not at all: what kept it from being done, if anything. */
function throwRefusal(results: readonly InsertResult[], tasks: readonly NewTask[]): void {
  results.forEach((result, index) => {
    if (result.status !== 'inserted' && result.status !== 'existing' && result.status !== 'refused') {
      throw refusal(result, tasks[index] as NewTask)
    }
  })
}

function closed(): StoreError {
  return new StoreError('STORE_CLOSED', 'expected an open broker, got one that was closed; connect again')
}

function receipt(result: InsertResult): SendReceipt {
  return { id: result.id, status: result.status === 'inserted' ? 'sent' : 'existing' }
}

function refusal(result: InsertResult, task: NewTask): TaskError {
  if (result.status === 'conflict' && result.on === 'key') {
    return new TaskError(
      'KEY_CONFLICT',
      `expected the key ${JSON.stringify(task.key)} of ${task.name} to be free, got: taken by task ${result.id}`,
      { subject: result.id },
    )
  }
  if (result.status === 'conflict') {
    return new TaskError(
      'TASK_CONFLICT',
      `expected task ${task.id} to be new or sent again with the same name, queue, priority, input and options, got other content; choose another id`,
      { subject: task.id },
    )
  }
  const dependency = result.status === 'unknown-dependency' ? result.dependency : '?'
  return new TaskError(
    'DEPENDENCY_UNKNOWN',
    `expected the dependencies of ${task.name} to be known tasks, got: ${dependency}; send dependencies first or in the same call before it`,
    { subject: dependency },
  )
}
