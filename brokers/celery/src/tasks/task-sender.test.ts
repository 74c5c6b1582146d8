/** How the settings have task messages written. */
import { expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import type { CelerySettingsInput } from '../settings/celery-settings.ts'
import { TaskSender } from './task-sender.ts'

const address = { exchange: '', routingKey: 'celery' }
const request = { id: 't1', task: 'job', args: [], kwargs: {}, embed: {}, retries: 0, headers: {} }

function modeOf(settings: CelerySettingsInput, routing?: { readonly deliveryMode: 1 | 2 }) {
  const sender = new TaskSender(new ToyCluster(settings).member)
  return sender.publication(request, address, routing).properties.deliveryMode
}

test('tasks survive a restart of the broker unless the settings or the signature say otherwise', () => {
  expect(modeOf({})).toBe(2)
  expect(modeOf({ task_default_delivery_mode: 'transient' })).toBe(1)
  expect(modeOf({ task_default_delivery_mode: 1 }, { deliveryMode: 2 })).toBe(2)
})
