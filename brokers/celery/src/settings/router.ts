/** Routes: which queue, exchange and key a task goes to, and what a queue's name means. */
import { ConfigError, matchesPattern } from '@lovage/core'
import type { TaskQueue } from '../transport.ts'
import type { CelerySettings } from './celery-settings.ts'
import type { QueueSetting, RouteSetting } from './queue-setting.ts'

/** Where one message goes. */
export interface Route {
  /** To be declared before anything is published on the route. */
  readonly queue: TaskQueue | undefined
  readonly exchange: string
  readonly routingKey: string
  /** As the wire has it; undefined leaves it to the message. */
  readonly priority: number | undefined
}

/** The name that stands for `task_default_queue` in the words of Lovage. */
const defaultName = 'default'

export class Router {
  readonly #settings: CelerySettings
  readonly #configured: ReadonlySet<string>
  readonly #queues = new Map<string, TaskQueue>()
  readonly #routes = new Map<string, Route>()

  /** @throws {ConfigError} OPTION_INVALID for two queues of one name */
  constructor(settings: CelerySettings) {
    this.#settings = settings
    this.#configured = new Set(settings.task_queues.map((queue) => queue.name))
    for (const queue of settings.task_queues) {
      if (this.#queues.has(queue.name)) {
        const message = `expected every queue in \`task_queues\` to have a name of its own, got two: ${queue.name}`
        throw new ConfigError('OPTION_INVALID', message, { subject: queue.name })
      }
      this.#queues.set(queue.name, this.#taskQueue(queue))
    }
  }

  /**
   * The queue of a name; none is the default queue.
   * @throws {ConfigError} OPTION_INVALID for a name that is not in `task_queues` where missing queues are not made
   */
  queue(name: string | undefined): TaskQueue {
    const { task_default_queue: main, task_create_missing_queues: creates } = this.#settings
    if (name === undefined || name === main) return this.#named(main)
    if (creates || this.#configured.has(name)) return this.#named(name)
    const known = [...this.#settings.task_queues.map((queue) => queue.name), main].join(', ')
    const message = `expected a queue of \`task_queues\` (${known}), since \`task_create_missing_queues\` is false, got: ${name}`
    throw new ConfigError('OPTION_INVALID', message, { subject: name })
  }

  /**
   * The name of a queue in Celery: Lovage's `default` stands for the default queue, and for being routed, unless `task_queues` has
   * one that is called so.
   */
  nameOf(queue: string): string | undefined {
    return queue === defaultName && !this.#configured.has(queue) ? undefined : queue
  }

  /**
   * Where a task goes that was sent to a queue; `task_routes` decides for one that names none.
   * @throws {ConfigError} OPTION_INVALID
   */
  route(task: string, queue: string | undefined): Route {
    const key = queue === undefined ? `?${task}` : queue
    const known = this.#routes.get(key)
    if (known !== undefined) return known
    const setting = queue === undefined ? this.#routeSetting(task) : undefined
    const route = setting === undefined ? directRoute(this.queue(queue)) : this.#routeOf(setting)
    // Names come from callers: a sender of ever new ones shall not fill the memory.
    if (this.#routes.size >= 10_000) this.#routes.clear()
    this.#routes.set(key, route)
    return route
  }

  /** Where the sender itself says exchange and key. Nothing is declared for an exchange that no queue here is bound to. */
  exchangeRoute(exchange: string, routingKey: string | undefined, queue: string | undefined): Route {
    const bound = queue === undefined ? this.#boundTo(exchange) : this.queue(queue)
    return { queue: bound, exchange, routingKey: routingKey ?? bound?.routingKey ?? exchange, priority: undefined }
  }

  #named(name: string): TaskQueue {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const isDefault = name === this.#settings.task_default_queue && this.#configured.size === 0
    const queue = this.#taskQueue(isDefault ? this.#default(name) : this.#missing(name))
    this.#queues.set(name, queue)
    return queue
  }

  /** The default queue where `task_queues` says nothing; where it does, and not of this one, it is a missing one as in Celery. */
  #default(name: string): QueueSetting {
    const { task_default_exchange: exchange, task_default_exchange_type: exchange_type, ...settings } = this.#settings
    const { task_default_routing_key: routing_key, task_default_queue_type: type } = settings
    return { name, exchange, exchange_type, routing_key, queue_arguments: argumentsOf(type) }
  }

  #missing(name: string): QueueSetting {
    const { task_create_missing_queue_exchange_type: exchange_type, task_create_missing_queue_type: type } = this.#settings
    return { name, exchange_type, queue_arguments: argumentsOf(type) }
  }

  #taskQueue({ name, exchange, exchange_type, routing_key, queue_arguments }: QueueSetting): TaskQueue {
    const { task_queue_max_priority: most } = this.#settings
    return {
      name,
      exchange: exchange ?? name,
      exchangeType: exchange_type ?? 'direct',
      routingKey: routing_key ?? name,
      arguments: { ...(most === undefined ? {} : { 'x-max-priority': most }), ...queue_arguments },
    }
  }

  #routeSetting(task: string): RouteSetting | undefined {
    const { task_routes: routes } = this.#settings
    if (Object.hasOwn(routes, task)) return routes[task]
    const pattern = Object.keys(routes).find((glob) => matchesPattern(glob, task))
    return pattern === undefined ? undefined : routes[pattern]
  }

  #routeOf({ queue, exchange, routing_key: key, priority }: RouteSetting): Route {
    if (exchange !== undefined) {
      const route = this.exchangeRoute(exchange, key, queue)
      if (route.queue !== undefined) return { ...route, priority }
      const message = `expected the exchange of a route to be that of a queue in \`task_queues\`, got: ${exchange}`
      throw new ConfigError('OPTION_INVALID', message, { subject: exchange })
    }
    const route = directRoute(this.queue(queue))
    return { ...route, routingKey: route.exchange === '' ? route.routingKey : (key ?? route.routingKey), priority }
  }

  #boundTo(exchange: string): TaskQueue | undefined {
    return [...this.#queues.values()].find((queue) => queue.exchange === exchange)
  }
}

function argumentsOf(type: 'classic' | 'quorum'): QueueSetting['queue_arguments'] {
  return type === 'quorum' ? { 'x-queue-type': 'quorum' } : undefined
}

/** As Celery publishes: queues behind a direct exchange are reached by their name, through the default exchange. */
function directRoute(queue: TaskQueue): Route {
  const { exchange, exchangeType, routingKey, name } = queue
  if (exchangeType === 'direct') return { queue, exchange: '', routingKey: name, priority: undefined }
  return { queue, exchange, routingKey, priority: undefined }
}
