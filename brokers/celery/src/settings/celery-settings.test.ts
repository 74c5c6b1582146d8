/** Settings by Celery's names: checked, complete, and what they say of single tasks. */
import { describe, expect, test } from 'vitest'
import { celerySettings } from './celery-settings.ts'
import { taskPolicies } from './task-policy.ts'

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

  const refusals: readonly [object, RegExp][] = [
    [{ task_ack_late: true }, /option of Celery .*got: "task_ack_late"; did you mean `task_acks_late`\?$/],
    [{ task_acks_late: 'yes' }, /expected `task_acks_late` to be true or false, got: "yes"$/],
    [{ result_expires: -1 }, /expected `result_expires` to be a number of seconds from 0, got: -1$/],
    [{ task_queue_max_priority: 300 }, /a whole number from 1 to 255, got: 300$/],
    [{ task_queues: [{ exchange: 'x' }] }, /expected `task_queues\[0\]\.name` to be a text, got: undefined$/],
    [{ task_queues: [{ name: 'a', key: 'x' }] }, /option of `task_queues\[0\]`/],
    [{ task_routes: { t: { priority: 10 } } }, /expected `task_routes\["t"\]\.priority` to be a whole number from 0 to 9/],
    [{ task_annotations: { t: { acks_late: 1 } } }, /expected `task_annotations\["t"\]\.acks_late` to be true or false/],
    [{ task_protocol: 3 }, /expected `task_protocol` to be 1 or 2, got: 3$/],
    [{ accept_content: 'json' }, /expected `accept_content` to be a list, got: "json"$/],
  ]
  test.for(refusals)('refuse %o', ([given, message]) => {
    expect(() => celerySettings(given)).toThrow(message)
  })
})

test('annotations stand above the settings for all, those of a name above those of all names', () => {
  const policyOf = taskPolicies(
    celerySettings({
      task_acks_late: true,
      task_annotations: { '*': { ignore_result: true }, early: { acks_late: false }, kept: { ignore_result: false } },
    }),
  )
  expect(policyOf('any')).toMatchObject({ acksLate: true, ignoreResult: true, acksOnFailure: true })
  expect(policyOf('early')).toMatchObject({ acksLate: false, ignoreResult: true })
  expect(policyOf('kept')).toMatchObject({ acksLate: true, ignoreResult: false })
  expect(policyOf('constructor')).toMatchObject({ acksLate: true })
})
