/** The settings of Celery that count here, by Celery's names: their kinds, and Celery's defaults. */
import { checkOptionNames } from '@lovage/core'
import type { TlsFiles } from '../tls-options.ts'
import type { Serializer } from '../wire/content.ts'
import {
  type AnnotationInput,
  type AnnotationSetting,
  annotationSetting,
  type QueueSetting,
  queueSetting,
  type RouteSetting,
  routeSetting,
} from './queue-setting.ts'
import { refuseSettings } from './refused-settings.ts'
import {
  contents,
  deliveryMode,
  flag,
  interval,
  listOf,
  mapOf,
  objectOf,
  oneOf,
  orNone,
  rate,
  type SettingKind,
  seconds,
  text,
  timeLimit,
  tlsFiles,
  wholeNumber,
} from './setting-kinds.ts'

/** `Given` is what users may write where that is more than the value that counts. */
interface Entry<Value, Given = Value> {
  readonly kind: SettingKind<Value>
  readonly initial: Value
  /** Types only; never present at run time. */
  readonly '~given'?: Given
}

type ContentType = 'application/json' | 'application/x-yaml' | 'application/x-msgpack'

function entry<Value, Given = Value>(kind: SettingKind<Value>, initial: NoInfer<Value>): Entry<Value, Given> {
  return { kind, initial }
}

/** One that may be none, which users write as null. */
function optional<Value>(kind: SettingKind<Value>, initial?: Value): Entry<Value | undefined, Value | null> {
  return { kind: orNone(kind), initial }
}

/** Every setting there is. */
export const settingTable = {
  task_default_queue: entry(text, 'celery'),
  task_default_exchange: optional(text),
  task_default_exchange_type: entry(oneOf('direct', 'topic', 'fanout'), 'direct'),
  task_default_routing_key: optional(text),
  task_default_queue_type: entry(oneOf('classic', 'quorum'), 'classic'),
  task_default_priority: optional(wholeNumber(0, 9)),
  task_queue_max_priority: optional(wholeNumber(1, 255)),
  task_queues: entry<readonly QueueSetting[], readonly (string | QueueSetting)[]>(listOf(queueSetting), []),
  task_create_missing_queues: entry(flag, true),
  task_create_missing_queue_type: entry(oneOf('classic', 'quorum'), 'classic'),
  task_create_missing_queue_exchange_type: optional(oneOf('direct', 'topic', 'fanout')),
  task_routes: entry<Readonly<Record<string, RouteSetting>>, Readonly<Record<string, string | RouteSetting>>>(
    mapOf(routeSetting),
    {},
  ),
  task_annotations: entry<Readonly<Record<string, AnnotationSetting>>, Readonly<Record<string, AnnotationInput>>>(
    mapOf(annotationSetting),
    {},
  ),
  task_protocol: entry(oneOf(1, 2), 2),
  task_serializer: entry(oneOf('json', 'yaml', 'msgpack'), 'json'),
  task_compression: optional(text),
  accept_content: entry<readonly Serializer[], readonly (Serializer | ContentType)[]>(contents, ['json']),
  task_default_delivery_mode: entry<1 | 2, 1 | 2 | 'transient' | 'persistent'>(deliveryMode, 2),
  task_default_rate_limit: optional(rate),
  task_time_limit: optional(timeLimit),
  task_soft_time_limit: optional(timeLimit),
  task_acks_late: entry(flag, false),
  task_acks_on_failure_or_timeout: entry(flag, true),
  task_reject_on_worker_lost: entry(flag, false),
  task_ignore_result: entry(flag, false),
  task_store_errors_even_if_ignored: entry(flag, false),
  task_track_started: entry(flag, false),
  task_send_sent_event: entry(flag, false),
  task_inherit_parent_priority: entry(flag, false),
  result_expires: optional(seconds, 86_400),
  result_serializer: entry(oneOf('json', 'yaml', 'msgpack'), 'json'),
  result_accept_content: entry<readonly Serializer[] | undefined, readonly (Serializer | ContentType)[] | null>(
    orNone(contents),
    undefined,
  ),
  result_extended: entry(flag, false),
  result_persistent: entry(flag, false),
  result_chord_retry_interval: entry(interval, 1),
  worker_concurrency: optional(wholeNumber(1, 10_000)),
  worker_prefetch_multiplier: optional(wholeNumber(0, 65_535)),
  worker_max_tasks_per_child: optional(wholeNumber(1, 1_000_000_000)),
  worker_enable_remote_control: entry(flag, true),
  worker_send_task_events: entry(flag, false),
  worker_detect_quorum_queues: entry(flag, true),
  broker_heartbeat: entry(seconds, 120),
  broker_native_delayed_delivery_queue_type: entry(oneOf('quorum', 'classic'), 'quorum'),
  broker_transport_options: entry(objectOf as SettingKind<Readonly<Record<string, unknown>>>, {}),
  result_backend_transport_options: entry(objectOf as SettingKind<Readonly<Record<string, unknown>>>, {}),
  broker_use_ssl: entry<TlsFiles | undefined, TlsFiles | boolean | null>(tlsFiles, undefined),
  redis_backend_use_ssl: entry<TlsFiles | undefined, TlsFiles | boolean | null>(tlsFiles, undefined),
  control_exchange: entry(text, 'celery'),
  event_exchange: entry(text, 'celeryev'),
  event_queue_prefix: entry(text, 'celeryev'),
} as const

type Table = typeof settingTable

/** All settings, checked and complete. Times are seconds, as Celery has them. */
export type CelerySettings = { readonly [Name in keyof Table]: Table[Name] extends Entry<infer Value, unknown> ? Value : never }

/** Settings as users give them: any of them; a bare text stands for a queue of that name. */
export type CelerySettingsInput = {
  readonly [Name in keyof Table]?: (Table[Name] extends Entry<infer _, infer Given> ? Given : never) | undefined
}

/**
 * Checks settings by their names and kinds, and puts Celery's defaults where there is none.
 * @throws {ConfigError} OPTION_INVALID
 */
export function celerySettings(given: CelerySettingsInput = {}): CelerySettings {
  refuseSettings(given)
  checkOptionNames(given, settingTable, 'Celery')
  const values = Object.entries(settingTable).map(([name, { kind, initial }]) => {
    const value = given[name as keyof Table]
    return [name, value === undefined ? initial : (kind as SettingKind<unknown>)(value, name)]
  })
  return Object.fromEntries(values) as CelerySettings
}
