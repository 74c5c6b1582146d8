/** The task bus over Celery's queues: sends, consumes, and asks workers to revoke. */
import type {
  ConsumeOptions,
  Consumer,
  ConsumerListener,
  SendReceipt,
  SendWait,
  TaskBus,
  TaskMessage,
  WorkerEvent,
} from '@lovage/core'
import { taskResult } from '../canvas/result-tree.ts'
import type { Member } from '../member.ts'
import { isReady } from '../results/awaited-records.ts'
import { wirePriority } from '../settings/priority.ts'
import type { Route } from '../settings/router.ts'
import type { Publication } from '../transport.ts'
import { untilWithdrawn } from '../until-withdrawn.ts'
import type { CeleryConsumer } from './celery-consumer.ts'
import type { HeldTask } from './held-tasks.ts'
import { checkExpressible, taskRequest } from './outgoing-task.ts'
import { sentEvent } from './sent-event.ts'
import type { TaskSender } from './task-sender.ts'

export interface TaskBusParts {
  readonly member: Member
  readonly sender: TaskSender
  /** Tells all workers, without waiting for an answer. */
  readonly broadcast: (method: string, args: Readonly<Record<string, unknown>>) => void
  /** Emits an event. */
  readonly tell: (event: WorkerEvent) => void
  /** Makes what a consumer needs beside the member. */
  readonly consume: (options: ConsumeOptions, listener: ConsumerListener) => Promise<CeleryConsumer>
}

export class CeleryTaskBus implements TaskBus {
  readonly #parts: TaskBusParts
  readonly #consumers = new Set<CeleryConsumer>()

  constructor(parts: TaskBusParts) {
    this.#parts = parts
  }

  async send(messages: readonly TaskMessage[], { signal }: SendWait = {}): Promise<readonly SendReceipt[]> {
    if (messages.length === 0) return []
    const { member, sender } = this.#parts
    for (const message of messages) checkExpressible(message)
    const routes = messages.map((message) => member.router.route(message.name, member.router.nameOf(message.queue)))
    for (const { queue } of routes) {
      const declaring = queue === undefined ? undefined : sender.ready(queue)
      if (declaring !== undefined) await untilWithdrawn(declaring, signal)
    }
    const publications = messages.map((message, index) => this.#publication(message, routes[index] as Route))
    await untilWithdrawn(this.#expect(messages), signal)
    await member.transport.publish(publications, signal)
    return messages.map((message, index) => this.#sent(message, publications[index] as Publication, routes[index] as Route))
  }

  async consume(options: ConsumeOptions, listener: ConsumerListener): Promise<Consumer> {
    const consumer = await this.#parts.consume(options, listener)
    this.#consumers.add(consumer)
    void consumer.closed.then(() => this.#consumers.delete(consumer))
    return consumer
  }

  /**
   * Revokes by a broadcast: workers drop what they have or get of it, and stop what runs. Nobody knows of all tasks what becomes of
   * them: true says that it was asked for, false that the task is known to be over.
   */
  async cancel(ids: readonly string[]): Promise<readonly boolean[]> {
    const { member, broadcast } = this.#parts
    const known = (await member.results?.get(ids)) ?? []
    const over = ids.map((_, index) => {
      const record = known[index]
      return record !== undefined && isReady(record)
    })
    const open = ids.filter((_, index) => over[index] !== true)
    if (open.length > 0) broadcast('revoke', { task_id: open, terminate: true, signal: 'SIGTERM' })
    return over.map((isOver) => !isOver)
  }

  /** The connection is there again: consumers tell their workers. */
  comeBack(): void {
    for (const consumer of this.#consumers) consumer.comeBack()
  }

  async close(): Promise<void> {
    for (const consumer of [...this.#consumers]) await consumer.close()
  }

  #publication(message: TaskMessage, route: Route): Publication {
    const { member, sender } = this.#parts
    const { settings, results, scale } = member
    const parent = message.parent === undefined ? undefined : member.held.get(message.parent)
    const inherited = settings.task_inherit_parent_priority ? parent?.request.priority : undefined
    const request = taskRequest(message, {
      origin: member.origin,
      replyTo: results?.replyTo ?? member.oid,
      ignoreResult: member.policyOf(message.name).ignoreResult,
      priority: route.priority ?? inherited ?? wirePriority(message.priority, scale),
      parent,
    })
    return sender.publication(request, route)
  }

  async #expect(messages: readonly TaskMessage[]): Promise<void> {
    const { results, policyOf } = this.#parts.member
    if (results === undefined) return
    const ids = messages.filter(({ name }) => !policyOf(name).ignoreResult).map(({ id }) => id)
    if (ids.length > 0) await results.expect(ids)
  }

  #sent(message: TaskMessage, publication: Publication, route: Route): SendReceipt {
    const { member, tell } = this.#parts
    const { id, parent } = message
    const held: HeldTask | undefined = parent === undefined ? undefined : member.held.get(parent)
    held?.children.push(taskResult(id))
    if (member.settings.task_send_sent_event) {
      tell(sentEvent(message, publication, { queue: route.queue?.name, sender: member.origin, now: member.clock.now() }))
    }
    return { id, status: 'sent' }
  }
}
