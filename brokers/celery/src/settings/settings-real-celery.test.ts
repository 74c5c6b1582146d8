/** The names and defaults of settings beside those of Python's Celery: none of its settings is unheard of, and none is made up. */
import { execFileSync } from 'node:child_process'
import { pythonWithCelery } from '@lovage/services'
import { expect, test } from 'vitest'
import { celerySettings, settingTable } from './celery-settings.ts'
import { insteadOf } from './refused-settings.ts'
import { taskPolicies } from './task-policy.ts'
import { workerDefaults } from './worker-defaults.ts'

const program = `
import json
from datetime import timedelta
from celery.app.defaults import NAMESPACES, flatten
plain = lambda value: value.total_seconds() if isinstance(value, timedelta) else repr(value) if value == float("inf") else value
print(json.dumps({name: plain(option.default) for name, option in flatten(NAMESPACES)}, default=repr))
`
const python = pythonWithCelery() ?? expect.unreachable()
/** What a program says of what it is given. */
function told(program: string, given: unknown = null): unknown {
  return JSON.parse(execFileSync(python, ['-c', program, JSON.stringify(given)], { encoding: 'utf8' }))
}
const celery = told(program) as Record<string, unknown>

/** Celery 5.3 to 5.6 have them, or its development head. */
const later = [
  'beat_cron_starting_deadline',
  'broker_channel_error_retry',
  'broker_connection_retry_on_startup',
  'broker_native_delayed_delivery_queue_type',
  'control_queue_durable',
  'control_queue_exclusive',
  'event_queue_durable',
  'event_queue_exclusive',
  'security_key_password',
  'task_acks_on_failure',
  'task_acks_on_timeout',
  'task_allow_error_cb_on_chord_header',
  'task_create_missing_queue_exchange_type',
  'task_create_missing_queue_type',
  'task_default_queue_type',
  'worker_detect_quorum_queues',
  'worker_disable_prefetch',
  'worker_enable_prefetch_count_reduction',
  'worker_enable_soft_shutdown_on_idle',
  'worker_eta_task_limit',
  'worker_soft_shutdown_timeout',
]
/** One that its Redis backend asks for without listing it, and one that it has among other options. */
const unlisted = ['redis_backend_health_check_interval', 'result_chord_ordered']

test('every setting of Celery means something here, or is refused with a word on what to use instead', () => {
  const unheardOf = Object.keys(celery).filter((name) => {
    try {
      celerySettings({ [name]: null } as object)
      return false
    } catch (error) {
      return !(error as Error).message.includes(`\`${name}\``)
    }
  })
  expect(unheardOf).toEqual([])
})

test('no setting is made up', () => {
  const names = [...Object.keys(settingTable), ...Object.keys(insteadOf)]
  const known = new Set([...Object.keys(celery), ...later, ...unlisted])
  expect(names.filter((name) => !known.has(name))).toEqual([])
})

test("the defaults are Celery's, but for the prefetch, which is by the load", () => {
  /** None, False and nothing at all are one in Python's settings. */
  const said = (value: unknown): unknown =>
    value === false || JSON.stringify(value) === '{}' || JSON.stringify(value) === '[]' ? null : (value ?? null)
  const others = Object.entries(celerySettings()).filter(([name, value]) => {
    return name in celery && JSON.stringify(said(value)) !== JSON.stringify(said(celery[name]))
  })
  expect(others).toEqual([['worker_prefetch_multiplier', undefined]])
})

test('annotations mean what they mean there', () => {
  const all = [{}, { acks_late: true, rate_limit: '1/s' }, { acks_late: null, rate_limit: null }]
  const own = [...all, { acks_late: false, rate_limit: 0 }]
  const general = [{}, { task_acks_late: true, task_default_rate_limit: '5/s' }]
  const cases = general.flatMap((base) =>
    all.flatMap((each) => own.map((job) => ({ ...base, task_annotations: { '*': each, job } }))),
  )
  const asked = `
import json, sys
from celery import Celery
def job():
    pass
def meaning(settings):
    app = Celery(set_as_current=False)
    app.conf.update(settings)
    task = app.task(job, name='job', rate_limit='9/s')
    app.finalize()
    return [bool(task.acks_late), task.rate_limit or 0]
print(json.dumps([meaning(settings) for settings in json.loads(sys.argv[1])]))
`
  const meanings = cases.map((given) => {
    const settings = celerySettings(given)
    return [taskPolicies(settings)('job').acksLate, workerDefaults(settings).limitsOf?.('job').rateLimit ?? '9/s']
  })
  expect(meanings).toEqual(told(asked, cases))
})
