/** Settings by Celery's names: checked, complete, and what they say of single tasks. */
import { describe, expect, test } from 'vitest'
import { celerySettings, settingTable } from './celery-settings.ts'
import { insteadOf } from './refused-settings.ts'
import { taskPolicies } from './task-policy.ts'
import { workerDefaults } from './worker-defaults.ts'

describe('settings', () => {
  test('have the defaults of Celery', () => {
    expect(celerySettings()).toMatchObject({
      task_default_queue: 'celery',
      task_acks_late: false,
      task_acks_on_failure_or_timeout: true,
      result_expires: 86_400,
      accept_content: ['json'],
      control_exchange: 'celery',
      task_protocol: 2,
    })
  })

  test('take short forms and null for none', () => {
    const settings = celerySettings({
      task_queues: ['a', { name: 'b', exchange: 'x' }],
      result_expires: null,
      task_routes: { t: 'a' },
    })
    expect(settings.task_queues).toMatchObject([{ name: 'a' }, { name: 'b', exchange: 'x' }])
    expect(settings.task_routes).toEqual({ t: { queue: 'a' } })
    expect(settings.result_expires).toBeUndefined()
  })

  test('take contents and delivery modes by all names that Celery has for them', () => {
    const settings = celerySettings({ accept_content: ['application/json', 'msgpack'], task_default_delivery_mode: 'transient' })
    expect(settings).toMatchObject({ accept_content: ['json', 'msgpack'], task_default_delivery_mode: 1 })
  })

  const refusals: readonly [object, RegExp][] = [
    [{ task_ack_late: true }, /option of Celery .*got: "task_ack_late"; did you mean `task_acks_late`\?$/],
    [{ task_acks_late: 'yes' }, /expected `task_acks_late` to be true or false, got: "yes"$/],
    [{ result_expires: -1 }, /expected `result_expires` to be a number of seconds from 0, got: -1$/],
    [{ task_queue_max_priority: 300 }, /a whole number from 1 to 255, got: 300$/],
    [{ task_queues: [{ exchange: 'x' }] }, /expected `task_queues\[0\]\.name` to be a text, got: undefined$/],
    [{ task_queues: [{ name: 'a', key: 'x' }] }, /option of `task_queues\[0\]`/],
    [{ task_routes: { t: { priority: 10 } } }, /expected `task_routes\["t"\]\.priority` to be a whole number from 0 to 9/],
    [{ task_annotations: { t: { acks_late: 1 } } }, /expected `task_annotations\["t"\]\.acks_late` to be true or false/],
    [
      { task_annotations: { t: { time_limit: 0 } } },
      /expected `task_annotations\["t"\]\.time_limit` to be a number of seconds above 0, or null for none, got: 0/,
    ],
    [{ task_protocol: 3 }, /expected `task_protocol` to be 1 or 2, got: 3$/],
    [{ accept_content: 'json' }, /expected `accept_content` to be a list, got: "json"$/],
    [
      { accept_content: ['pickle'] },
      /`accept_content\[0\]` to be json or yaml or msgpack \(pickle is never read\), got: "pickle"$/,
    ],
    [{ task_time_limit: 0 }, /expected `task_time_limit` to be a number of seconds above 0, or null for none, got: 0$/],
    [{ task_default_rate_limit: 'often' }, /expected `task_default_rate_limit` to be runs per second such as 10/],
    [{ result_backend: 'rpc://' }, /got: `result_backend`; the option `results` \(`--results`\) says it/],
  ]
  test.for(refusals)('refuse %o', ([given, message]) => {
    expect(() => celerySettings(given)).toThrow(message)
  })
})

test('none in an annotation is what None is in Python: what the settings say for all tasks', () => {
  const names = ['acks_late', 'acks_on_failure_or_timeout', 'time_limit', 'soft_time_limit', 'rate_limit']
  const none = Object.fromEntries(names.map((name) => [name, null]))
  const annotations = { '*': none, job: { acks_late: false, acks_on_failure_or_timeout: false, rate_limit: '1/s' } }
  const settings = celerySettings({ task_acks_late: true, task_annotations: annotations })
  expect(taskPolicies(settings)('job')).toMatchObject({ acksLate: true, acksOnFailure: true })
  expect(workerDefaults(settings).limitsOf?.('job')).toEqual({ rateLimit: 0 })
  const limited = celerySettings({ task_default_rate_limit: '5/s', task_annotations: annotations })
  expect(workerDefaults(limited).limitsOf?.('job')).toEqual({ rateLimit: '5/s' })
})

test('what is refused with a word on what to use instead is no setting that there is', () => {
  expect(Object.keys(insteadOf).filter((name) => name in settingTable)).toEqual([])
  for (const name of Object.keys(insteadOf)) {
    expect(() => celerySettings({ [name]: true } as object)).toThrow(`got: \`${name}\`; ${insteadOf[name]}`)
  }
})

test('workers get what the settings say, and the prefetch is a multiple of the concurrency only where it is said', () => {
  expect(workerDefaults(celerySettings()).prefetch).toBeUndefined()
  const said = workerDefaults(
    celerySettings({
      worker_concurrency: 8,
      worker_prefetch_multiplier: 1,
      worker_max_tasks_per_child: 100,
      task_time_limit: 1.5,
      task_soft_time_limit: 1,
      task_default_rate_limit: '10/m',
      task_annotations: { '*': { rate_limit: '5/s' }, 'mails.send': { time_limit: 3, rate_limit: 0 } },
    }),
  )
  expect(said).toMatchObject({ concurrency: 8, maxTasksPerChild: 100, timeoutMs: 1500, softTimeoutMs: 1000, rateLimit: '10/m' })
  expect(said.prefetch?.(8)).toBe(8)
  expect(said.limitsOf?.('mails.send')).toEqual({ timeoutMs: 3000, rateLimit: '5/s' })
  expect(said.limitsOf?.('any')).toEqual({ rateLimit: '5/s' })
  expect(workerDefaults(celerySettings({ worker_prefetch_multiplier: 0 })).prefetch?.(8)).toBe(0)
})

test('policies are remembered, but not of ever new names', () => {
  const policyOf = taskPolicies(celerySettings())
  const first = policyOf('job')
  expect(policyOf('job')).toBe(first)
  for (let n = 0; n < 10_000; n++) policyOf(`job${n}`)
  expect(policyOf('job')).not.toBe(first)
  expect(policyOf('job')).toEqual(first)
})

test('annotations stand above the settings for all, and as in Celery those of all names above those of one', () => {
  const policyOf = taskPolicies(
    celerySettings({
      task_acks_late: true,
      task_annotations: { '*': { ignore_result: true }, early: { acks_late: false }, kept: { ignore_result: false } },
    }),
  )
  expect(policyOf('any')).toMatchObject({ acksLate: true, ignoreResult: true, acksOnFailure: true })
  expect(policyOf('early')).toMatchObject({ acksLate: false, ignoreResult: true })
  expect(policyOf('kept')).toMatchObject({ acksLate: true, ignoreResult: true })
  expect(policyOf('constructor')).toMatchObject({ acksLate: true })
})
