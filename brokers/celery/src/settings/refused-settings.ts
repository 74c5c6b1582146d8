/** Settings that Celery has and Lovage has not: what to use instead. */
import { ConfigError } from '@lovage/core'

const address = 'the address that `connect` gets (`-b`, LOVAGE_BROKER) says it'
const lasting = 'a lost connection is tried for ever, after 0, 2, 4, ... 32 seconds; a first one that fails is told at once'
const waiting = 'sending waits for a connection that is lost, and resolves when the message is safe'
const connections = 'every broker has a fixed number of connections'
const zoned = 'times travel with their zone or in UTC; a schedule names its own (`zone`)'
const testing = 'in tests use `testBroker` and `drain` of @lovage/testing, which need no cluster'
const logs = 'give the worker a `logger`, or `lovage worker` `--loglevel` and `--json`'
const schedules = 'use the schedules of a queue: see the guide on Celery, "Forward"'
const files = 'give the Worker its definitions (`tasks`), `lovage worker` the files that export them'

const ends = '`task_acks_on_failure_or_timeout` says it for both'
const retries = 'results that cannot be stored now are stored when their connection is back'
const mailboxes = 'queues of events, commands and replies have fixed limits and go with their owner'
const backends = 'results are kept in Redis, or sent to their sender: `results` (`--results`) is `redis://host/1` or `rpc://`'
const place = 'the address of the results (`results`, `--results`) says it'
const inside = "it is about the inside of Python's worker"
const unsigned = 'messages are not signed, and signed ones are not read'

/** By name, in words that follow "got: that setting;". */
export const insteadOf: Readonly<Record<string, string>> = {
  broker_url: address,
  broker_read_url: address,
  broker_write_url: address,
  broker_transport: address,
  broker_host: address,
  broker_port: address,
  broker_user: address,
  broker_password: address,
  broker_vhost: address,
  broker_login_method: 'RabbitMQ is logged in to by name and password',
  broker_heartbeat_checkrate: '`broker_heartbeat` says it',
  broker_connection_retry: lasting,
  broker_connection_retry_on_startup: lasting,
  broker_connection_max_retries: lasting,
  broker_channel_error_retry: lasting,
  broker_connection_timeout: 'on Redis it is `socket_connect_timeout` of `broker_transport_options`',
  broker_failover_strategy: 'several addresses of RabbitMQ are tried in turn',
  broker_pool_limit: connections,
  redis_host: place,
  redis_port: place,
  redis_db: place,
  redis_username: place,
  redis_password: place,
  redis_max_connections: connections,
  redis_retry_on_timeout: retries,
  redis_socket_keepalive: 'connections are kept alive',
  redis_socket_connect_timeout: 'it is `socket_connect_timeout` of `result_backend_transport_options`',
  redis_socket_timeout: 'it is `health_check_interval` of `result_backend_transport_options`: when a silent connection is asked',
  redis_backend_health_check_interval: 'it is `health_check_interval` of `result_backend_transport_options`',
  result_backend: 'the option `results` (`--results`) says it: `rpc://` or `redis://host/1`',
  cache_backend: place,
  cache_backend_options: place,
  result_chord_ordered: 'as in Celery it is one of `result_backend_transport_options`',
  result_backend_always_retry: retries,
  result_backend_max_retries: retries,
  result_backend_base_sleep_between_retries_ms: retries,
  result_backend_max_sleep_between_retries_ms: retries,
  result_cache_max: 'results are asked of their backend',
  result_exchange: 'results of `rpc://` go to the queue of their sender',
  result_exchange_type: 'results of `rpc://` go to the queue of their sender',
  result_compression: 'results are stored as they are; tasks have `task_compression`',
  result_chord_join_timeout: 'a chord that is counted has all its results',
  event_queue_expires: mailboxes,
  event_queue_ttl: mailboxes,
  event_queue_durable: mailboxes,
  event_queue_exclusive: mailboxes,
  event_serializer: 'events are JSON',
  control_queue_expires: mailboxes,
  control_queue_ttl: mailboxes,
  control_queue_durable: mailboxes,
  control_queue_exclusive: mailboxes,
  security_certificate: unsigned,
  security_cert_store: unsigned,
  security_digest: unsigned,
  security_key: unsigned,
  security_key_password: unsigned,
  imports: files,
  include: files,
  timezone: zoned,
  enable_utc: zoned,
  beat_schedule: schedules,
  beat_scheduler: schedules,
  beat_schedule_filename: schedules,
  beat_sync_every: schedules,
  beat_max_loop_interval: schedules,
  beat_cron_starting_deadline: 'a schedule has `missed` and `deadline`: see the guide on schedules',
  task_acks_on_failure: ends,
  task_acks_on_timeout: ends,
  task_allow_error_cb_on_chord_header: "an errback of a chord is its body's; give the tasks of the header their own",
  task_always_eager: testing,
  task_eager_propagates: testing,
  task_store_eager_result: testing,
  task_publish_retry: waiting,
  task_publish_retry_policy: waiting,
  task_remote_tracebacks: 'a failure carries its stack as text',
  worker_agent: inside,
  worker_consumer: inside,
  worker_pool_putlocks: inside,
  worker_timer: inside,
  worker_timer_precision: inside,
  worker_autoscaler: 'give the Worker `autoscale: { min, max }`',
  worker_cancel_long_running_tasks_on_connection_loss: 'a run that outlives its connection takes its message back and ends once',
  worker_deduplicate_successful_tasks: 'a handler that may run twice has to bear it',
  worker_direct: 'name a queue of its own among the `queues` of the Worker (`-Q`)',
  worker_disable_rate_limits: 'leave `rateLimit` out of the definitions',
  worker_disable_prefetch: 'give the Worker a `prefetch` (`--prefetch`) of its concurrency: it then holds no more than it runs',
  worker_enable_prefetch_count_reduction: 'what runs on after a lost connection counts among what the worker holds',
  worker_eta_task_limit:
    'tasks with an ETA raise the prefetch while they wait; where there may be very many, forward them from a queue of Lovage',
  worker_lost_wait: 'the end of a thread or process is known at once',
  worker_proc_alive_timeout: 'a thread or process that does not start is told by the pool',
  worker_hijack_root_logger: logs,
  worker_log_color: logs,
  worker_log_format: logs,
  worker_task_log_format: logs,
  worker_redirect_stdouts: logs,
  worker_redirect_stdouts_level: logs,
  worker_max_memory_per_child: 'give the Worker `pool: threadPool({ resourceLimits })` or `processPool({ execArgv })`',
  worker_pool: 'give the Worker `pool` (`--pool`): inline, threads or processes',
  worker_pool_restarts: 'start the worker anew: what it holds goes back to its queues',
  worker_enable_soft_shutdown_on_idle: 'what a worker holds and has not begun goes back when it stops',
  worker_soft_shutdown_timeout: 'a first SIGTERM waits for what runs, a second one ends it after `coldGrace`',
  worker_state_db: 'a worker that starts asks the others for what was revoked',
}

/** Of result backends that Lovage has not. */
const elsewhere = /^(arangodb|azureblockblob|cassandra|cosmosdbsql|couchbase|database|elasticsearch|gcs|mongodb|s3)_/

/** @throws {ConfigError} OPTION_INVALID for one of them, with what to use instead */
export function refuseSettings(given: object): void {
  for (const name of Object.keys(given ?? {})) {
    const instead = Object.hasOwn(insteadOf, name) ? insteadOf[name] : elsewhere.test(name) ? backends : undefined
    if (instead === undefined) continue
    const message = `expected settings of Celery that mean something to Lovage, got: \`${name}\`; ${instead}`
    throw new ConfigError('OPTION_INVALID', message, { subject: name })
  }
}
