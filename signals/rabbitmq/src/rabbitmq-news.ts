/**
 * Tells other systems of tasks, on the exchanges and in the form of the Taskcluster queue.
 * @see https://docs.taskcluster.net/docs/reference/platform/queue/exchanges
 */
import { type Task, type TaskNews, type TaskNewsKind, taskStatus } from '@lovage/core'
import type { Channel } from 'amqplib'
import type { BrokerLink, Connection, Lodger } from './broker-link.ts'
import type { Names } from './names.ts'

const kinds: readonly TaskNewsKind[] = ['defined', 'pending', 'running', 'completed', 'failed', 'exception']
/** What waits beyond this, while the broker is away, is dropped: the oldest first. */
const mostWaiting = 10_000

const plain = { persistent: true, contentType: 'application/json' }

interface Letter {
  readonly kind: TaskNewsKind
  readonly text: Text
}

/** What a letter says, whatever the kind. */
interface Text {
  readonly key: string
  readonly body: Buffer
  /** Further routing keys. */
  readonly copies: readonly string[]
}

export class RabbitmqNews implements TaskNews, Lodger {
  readonly #link: BrokerLink
  readonly #names: Names
  #letters: Letter[] = []
  /** A task that is sent is told of twice, in the same words. */
  #last: { readonly task: Task; readonly run: number | undefined; readonly text: Text } | undefined
  #broker: Channel | undefined
  #isFull = false

  constructor(link: BrokerLink, names: Names) {
    this.#link = link
    this.#names = names
  }

  tell(kind: TaskNewsKind, task: Task, run?: number): void {
    if (this.#letters.length >= mostWaiting * 2) this.#letters = this.#letters.slice(mostWaiting)
    if (this.#last?.task !== task || this.#last.run !== run) this.#last = { task, run, text: textFor(task, run) }
    this.#letters.push({ kind, text: this.#last.text })
    if (this.#letters.length === 1 && !this.#isFull) setImmediate(() => this.#flush())
  }

  async enter(connection: Connection): Promise<void> {
    const broker = await connection.channel()
    broker.on('drain', () => {
      this.#isFull = false
      this.#flush()
    })
    broker.on('close', () => {
      if (this.#broker !== broker) return
      this.leave()
      // The broker refused something, such as an exchange that somebody deleted.
      this.#link.again((same) => this.enter(same))
    })
    for (const kind of kinds) await broker.assertExchange(this.#names.news(kind), 'topic', { durable: true })
    this.#broker = broker
    this.#isFull = false
    this.#flush()
  }

  leave(): void {
    this.#broker = undefined
  }

  async close(): Promise<void> {
    this.#isFull = false
    this.#flush()
    this.#link.dislodge(this)
    const broker = this.#broker
    this.#broker = undefined
    await broker?.close().catch(() => {})
  }

  #flush(): void {
    this.#last = undefined
    const broker = this.#broker
    if (broker === undefined) return
    const letters = this.#letters
    this.#letters = []
    try {
      for (const { kind, text } of letters) {
        const { key, body, copies } = text
        const options = copies.length === 0 ? plain : { ...plain, CC: [...copies] }
        this.#isFull = !broker.publish(this.#names.news(kind), key, body, options)
      }
    } catch {
      // The channel is closing; news is told at the most once.
    }
  }
}

function textFor(task: Task, run?: number): Text {
  const status = taskStatus(task)
  const told = run === undefined ? status.runs.at(-1) : status.runs[run]
  const worker = told?.workerId === undefined ? {} : { workerGroup: told.workerGroup, workerId: told.workerId }
  const body = {
    version: 1,
    status,
    ...(told === undefined ? {} : { runId: told.runId }),
    ...worker,
    ...(told?.takenUntil === undefined ? {} : { takenUntil: told.takenUntil }),
    task: { tags: task.extras?.http?.tags ?? {} },
  }
  const words = [
    'primary',
    status.taskId,
    told?.runId,
    told?.workerGroup,
    told?.workerId,
    status.provisionerId,
    status.workerType,
    status.schedulerId,
    status.taskGroupId,
    undefined,
  ]
  const copies = (task.extras?.http?.routes ?? []).map((route) => `route.${route}`)
  return { key: words.map(word).join('.'), body: Buffer.from(JSON.stringify(body)), copies }
}

/** A word of a routing key has no dots, and nobody's name may look like a wildcard; what is absent is `_`. */
function word(value: string | number | undefined): string {
  if (value === undefined || value === '') return '_'
  const text = String(value)
  return /[.*#]/.test(text) ? text.replaceAll(/[.*#]/g, '-') : text
}
