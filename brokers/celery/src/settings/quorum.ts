/** Whether settings speak of quorum queues, which Celery treats in ways of their own. */
import type { CelerySettings } from './celery-settings.ts'

/** False, too, where `worker_detect_quorum_queues` is. */
export function hasQuorumQueue(settings: CelerySettings): boolean {
  const { worker_detect_quorum_queues: detects, task_queues: queues } = settings
  const { task_default_queue_type: ofDefault, task_create_missing_queue_type: ofMissing } = settings
  const isConfigured = queues.some((queue) => queue.queue_arguments?.['x-queue-type'] === 'quorum')
  return detects && (isConfigured || ofMissing === 'quorum' || (ofDefault === 'quorum' && queues.length === 0))
}
