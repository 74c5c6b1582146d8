/** Sends task messages: queues declared first, each message encoded and published, chords counted at their place. */
import type { Order, Routing, TaskOrder } from '../canvas/orders.ts'
import type { Member } from '../member.ts'
import type { Route } from '../settings/router.ts'
import type { Publication, TaskQueue } from '../transport.ts'
import { type Serializer, serializers } from '../wire/content.ts'
import { encodeTask } from '../wire/encode-task.ts'
import { encodeTaskV1 } from '../wire/encode-task-v1.ts'
import type { TaskRequest } from '../wire/task-message.ts'

/** Where a message goes. */
export type Address = Pick<Route, 'exchange' | 'routingKey'>

export class TaskSender {
  readonly #member: Member
  /** Undefined is JSON, the fast way. */
  readonly #serializer: Serializer | undefined
  /** Queues that are there, and those being declared. */
  readonly #declared = new Map<string, true | Promise<void>>()

  constructor(member: Member) {
    this.#member = member
    const { task_serializer: serializer } = member.settings
    this.#serializer = serializer === 'json' ? undefined : serializer
  }

  /** Undefined when the queue is known to be there: nobody has to wait. @throws {ConfigError} as a rejection, when it differs */
  ready(queue: TaskQueue): Promise<void> | undefined {
    const known = this.#declared.get(queue.name)
    if (known === true) return undefined
    if (known !== undefined) return known
    const declaring = this.#member.transport.declare(queue).then(
      () => void this.#declared.set(queue.name, true),
      (error: unknown) => {
        this.#declared.delete(queue.name)
        throw error
      },
    )
    this.#declared.set(queue.name, declaring)
    return declaring
  }

  /** Carries orders out, in their order; resolves when every message is safe. */
  async carryOut(orders: readonly Order[]): Promise<void> {
    let gathered: Publication[] = []
    for (const order of orders) {
      if (order.type === 'task') {
        const route = this.#routeOf(order.routing)
        if (route.queue !== undefined) await this.ready(route.queue)
        gathered.push(this.publication(order.request, route, order.routing))
        continue
      }
      await this.#publish(gathered)
      gathered = []
      await this.#member.results?.chords?.begin(order.group, order.size, order.nested)
    }
    await this.#publish(gathered)
  }

  /**
   * The message of a request. What came is passed on in the form in which it came; a serializer that nobody here writes gives way to
   * that of the settings.
   * @throws {TaskError} INPUT_UNSERIALIZABLE
   * @throws {ConfigError} OPTION_INVALID for a compression that nobody here writes
   */
  publication(request: TaskRequest, { exchange, routingKey }: Address, routing: Partial<Routing> = {}): Publication {
    const { settings, clock } = this.#member
    const encode = settings.task_protocol === 1 ? encodeTaskV1 : encodeTask
    const { etaMs, expiresMs, received } = request
    const { properties, body } = encode(request, {
      serializer:
        serializers.find((name) => name === routing.serializer) ?? (received === undefined ? this.#serializer : undefined),
      compression: routing.compression ?? (received === undefined ? settings.task_compression : undefined),
      deliveryMode: routing.deliveryMode ?? settings.task_default_delivery_mode,
      expirationMs: expiresMs === undefined ? undefined : Math.max(0, Math.round(expiresMs - clock.now())),
    })
    const sent = { exchange, routingKey, properties, body }
    return etaMs === undefined ? sent : { ...sent, delayMs: etaMs - clock.now() }
  }

  #routeOf({ name, queue, exchange, routingKey }: TaskOrder['routing']): Route {
    const { router } = this.#member
    return exchange === undefined ? router.route(name, queue) : router.exchangeRoute(exchange, routingKey, queue)
  }

  async #publish(publications: readonly Publication[]): Promise<void> {
    if (publications.length > 0) await this.#member.transport.publish(publications)
  }
}
