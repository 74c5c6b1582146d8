/** When settings speak of quorum queues. */
import { expect, test } from 'vitest'
import { type CelerySettingsInput, celerySettings } from './celery-settings.ts'
import { hasQuorumQueue } from './quorum.ts'

const queue = { name: 'q', queue_arguments: { 'x-queue-type': 'quorum' } }
const cases: readonly [CelerySettingsInput, boolean][] = [
  [{}, false],
  [{ task_queues: ['a', { name: 'b', queue_arguments: { 'x-queue-type': 'classic' } }] }, false],
  [{ task_queues: ['a', queue] }, true],
  [{ task_default_queue_type: 'quorum' }, true],
  [{ task_default_queue_type: 'quorum', task_queues: ['a'] }, false],
  [{ task_create_missing_queue_type: 'quorum', task_queues: ['a'] }, true],
  [{ task_default_queue_type: 'quorum', task_queues: [queue], worker_detect_quorum_queues: false }, false],
]
test.for(cases)('%o: %s', ([given, expected]) => {
  expect(hasQuorumQueue(celerySettings(given))).toBe(expected)
})
