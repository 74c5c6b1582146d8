/** Queues, routes and annotations as settings write them: Celery's words, as plain objects. */
import { checkOptionNames, type OptionNames } from '@lovage/core'
import {
  flag,
  mapOf,
  objectOf,
  oneOf,
  orNone,
  rate,
  type SettingKind,
  text,
  timeLimit,
  unexpected,
  wholeNumber,
} from './setting-kinds.ts'

/** An entry of `task_queues`. */
export interface QueueSetting {
  readonly name: string
  /** Default: the queue's name. */
  readonly exchange?: string | undefined
  /** Default `direct`. */
  readonly exchange_type?: 'direct' | 'topic' | 'fanout' | undefined
  /** Default: the queue's name. */
  readonly routing_key?: string | undefined
  readonly queue_arguments?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** An entry of `task_routes`: where tasks of a name go. */
export interface RouteSetting {
  readonly queue?: string | undefined
  readonly exchange?: string | undefined
  readonly routing_key?: string | undefined
  /** 0 to 9, as the wire has it. */
  readonly priority?: number | undefined
}

/** An entry of `task_annotations`: what Celery says on a task's decorator. */
export interface AnnotationSetting {
  readonly acks_late?: boolean | undefined
  readonly acks_on_failure_or_timeout?: boolean | undefined
  readonly reject_on_worker_lost?: boolean | undefined
  readonly ignore_result?: boolean | undefined
  readonly store_errors_even_if_ignored?: boolean | undefined
  readonly track_started?: boolean | undefined
  /** Above the definition's; 0 is none, null is what the settings say for all tasks. */
  readonly rate_limit?: string | number | null | undefined
  /** Seconds, above the definition's. */
  readonly time_limit?: number | undefined
  /** Seconds, above the definition's. */
  readonly soft_time_limit?: number | undefined
}

/** As users write it: with null it is as if nothing were said but by the settings for all tasks. */
export type AnnotationInput = { readonly [Name in keyof AnnotationSetting]: AnnotationSetting[Name] | null }

const queueNames: OptionNames<QueueSetting> = {
  name: true,
  exchange: true,
  exchange_type: true,
  routing_key: true,
  queue_arguments: true,
}
const routeNames: OptionNames<RouteSetting> = { queue: true, exchange: true, routing_key: true, priority: true }
const annotationKinds: Readonly<Record<keyof AnnotationSetting, SettingKind<unknown>>> = {
  acks_late: orNone(flag),
  acks_on_failure_or_timeout: orNone(flag),
  reject_on_worker_lost: orNone(flag),
  ignore_result: orNone(flag),
  store_errors_even_if_ignored: orNone(flag),
  track_started: orNone(flag),
  rate_limit: (value, name) => (value === null ? null : orNone(rate)(value, name)),
  time_limit: orNone(timeLimit),
  soft_time_limit: orNone(timeLimit),
}

const argument: SettingKind<string | number | boolean> = (value, name) => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw unexpected(name, 'a text, a number, true or false', value)
}

/** A bare text is the queue of that name. */
export const queueSetting: SettingKind<QueueSetting> = (value, name) => {
  if (typeof value === 'string') return { name: text(value, name) }
  const given = objectOf(value, name)
  checkOptionNames(given, queueNames, `\`${name}\``)
  return {
    name: text(given.name, `${name}.name`),
    exchange: orNone(text)(given.exchange, `${name}.exchange`),
    exchange_type: orNone(oneOf('direct', 'topic', 'fanout'))(given.exchange_type, `${name}.exchange_type`),
    routing_key: orNone(text)(given.routing_key, `${name}.routing_key`),
    queue_arguments: orNone(mapOf(argument))(given.queue_arguments, `${name}.queue_arguments`),
  }
}

/** A bare text is the queue of that name. */
export const routeSetting: SettingKind<RouteSetting> = (value, name) => {
  if (typeof value === 'string') return { queue: text(value, name) }
  const given = objectOf(value, name)
  checkOptionNames(given, routeNames, `\`${name}\``)
  return {
    queue: orNone(text)(given.queue, `${name}.queue`),
    exchange: orNone(text)(given.exchange, `${name}.exchange`),
    routing_key: orNone(text)(given.routing_key, `${name}.routing_key`),
    priority: orNone(wholeNumber(0, 9))(given.priority, `${name}.priority`),
  }
}

export const annotationSetting: SettingKind<AnnotationSetting> = (value, name) => {
  const given = objectOf(value, name)
  checkOptionNames(given, annotationKinds, `\`${name}\``)
  const kindOf = (key: string) => annotationKinds[key as keyof AnnotationSetting]
  return Object.fromEntries(Object.entries(given).map(([key, item]) => [key, kindOf(key)(item, `${name}.${key}`)]))
}
