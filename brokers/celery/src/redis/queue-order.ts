/** In which order the lists of several queues are asked. */
import type { KombuLayout } from './kombu-layout.ts'
import type { RedisSettings } from './redis-options.ts'

/** Lists level by level: every queue's most urgent level comes before the next level of any. */
export interface ListOrder {
  readonly lists: readonly string[]
  /** So many lists in a row give one message each in turn; 1: a list is emptied before the next is asked. */
  readonly atOnce: number
}

export class QueueOrder {
  readonly #strategy: RedisSettings['queueOrder']
  readonly #layout: KombuLayout
  #queues: readonly string[] = []
  /** Of every list that ever was: messages may still be in hand when their queue is cancelled. */
  readonly #queueOfList = new Map<string, string>()

  constructor(strategy: RedisSettings['queueOrder'], layout: KombuLayout) {
    this.#strategy = strategy
    this.#layout = layout
  }

  get isEmpty(): boolean {
    return this.#queues.length === 0
  }

  add(queue: string): void {
    if (!this.#queues.includes(queue)) this.#queues = [...this.#queues, queue]
    if (this.#strategy === 'sorted') this.#queues = [...this.#queues].sort()
    for (const list of this.#layout.lists(queue)) this.#queueOfList.set(list, queue)
  }

  remove(queue: string): void {
    this.#queues = this.#queues.filter((each) => each !== queue)
  }

  has(list: string): boolean {
    return this.#queueOfList.has(list)
  }

  queueOf(list: string): string {
    return this.#queueOfList.get(list) ?? list
  }

  /** Another queue is the first each time, if each has its turn. */
  next(): ListOrder {
    const isFair = this.#strategy === 'round_robin'
    const [first, ...others] = this.#queues
    const perQueue = this.#queues.map((queue) => this.#layout.lists(queue))
    if (isFair && first !== undefined) this.#queues = [...others, first]
    const levels = perQueue[0]?.length ?? 0
    const lists = Array.from({ length: levels }, (_, level) => perQueue.map((lists) => lists[level] as string)).flat()
    return { lists, atOnce: isFair ? Math.max(1, perQueue.length) : 1 }
  }
}
