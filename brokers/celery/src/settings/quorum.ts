/** Whether settings speak of quorum queues, which Celery treats in ways of their own. */
import type { CelerySettings } from './celery-settings.ts'

/** False, too, where `worker_detect_quorum_queues` is. */
export function hasQuorumQueue(settings: CelerySettings): boolean {
  const { worker_detect_quorum_queues: detects, task_default_queue_type: type, task_queues: queues } = settings
  return detects && (type === 'quorum' || queues.some((queue) => queue.queue_arguments?.['x-queue-type'] === 'quorum'))
}
