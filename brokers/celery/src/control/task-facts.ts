/** Tasks, queues and statistics as Celery's inspection shows them: what a worker of Lovage says, completed by what its broker knows. */
import type { HeldTasks } from '../tasks/held-tasks.ts'
import type { TaskQueue } from '../transport.ts'
import { pythonRepr, tupleRepr } from '../wire/python-repr.ts'

type Fields = Readonly<Record<string, unknown>>

/** A task of `active`, `reserved`, `scheduled` and `query_task`; with `safe` its arguments are texts. */
export function taskFacts(task: unknown, held: HeldTasks, safe: boolean): unknown {
  if (!isFields(task) || typeof task.id !== 'string') return task
  const found = held.get(task.id)
  if (found === undefined) return task
  const { request, acknowledged, exchange, routingKey, redelivered } = found
  return {
    ...task,
    name: request.shadow ?? request.task,
    args: safe ? (request.argsRepr ?? tupleRepr(request.args)) : request.args,
    kwargs: safe ? (request.kwargsRepr ?? pythonRepr(request.kwargs)) : request.kwargs,
    acknowledged,
    delivery_info: { exchange, routing_key: routingKey, priority: request.priority ?? 0, redelivered },
  }
}

/** An entry of `active_queues`: exchange, key and arguments beside the name. */
export function queueFacts(entry: unknown, queue: TaskQueue): unknown {
  if (!isFields(entry)) return entry
  const { name, exchange, exchangeType, routingKey } = queue
  const hasArguments = Object.keys(queue.arguments).length > 0
  return {
    ...entry,
    name,
    exchange: { ...(isFields(entry.exchange) ? entry.exchange : {}), name: exchange, type: exchangeType },
    routing_key: routingKey,
    queue_arguments: hasArguments ? queue.arguments : null,
    max_priority: queue.arguments['x-max-priority'] ?? null,
  }
}

/** `stats.broker`, of the URL: without its password. */
export function brokerFacts(url: string, transport: 'amqp' | 'redis'): Fields {
  const { hostname, port, username, pathname, protocol } = new URL(url)
  const path = decodeURIComponent(pathname.replace(/^\//, ''))
  const isSecure = protocol === 'amqps:' || protocol === 'rediss:'
  return {
    hostname,
    port: port === '' ? (transport === 'redis' ? 6379 : isSecure ? 5671 : 5672) : Number(port),
    userid: username === '' ? null : decodeURIComponent(username),
    virtual_host: path === '' ? (transport === 'redis' ? '0' : '/') : path,
    transport,
    uri_prefix: null,
    ssl: isSecure,
    insist: false,
    connect_timeout: 4,
    heartbeat: 0,
    login_method: null,
    transport_options: {},
    failover_strategy: 'round-robin',
    alternates: [],
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
