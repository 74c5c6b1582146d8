/** What Celery's settings say of every worker of the cluster, in the words of Lovage. */
import type { WorkerDefaults } from '@lovage/core'
import type { CelerySettings } from './celery-settings.ts'
import { annotationOf } from './task-policy.ts'

/**
 * As on Celery's side the prefetch is the multiplier times the concurrency, and 0 is without a limit; without a multiplier it is
 * left to the worker, which goes by the load.
 */
export function workerDefaults(settings: CelerySettings): WorkerDefaults {
  const { worker_prefetch_multiplier: multiplier, task_time_limit: hard, task_soft_time_limit: soft } = settings
  return {
    concurrency: settings.worker_concurrency,
    prefetch: multiplier === undefined ? undefined : (concurrency) => concurrency * multiplier,
    maxTasksPerChild: settings.worker_max_tasks_per_child,
    timeoutMs: inMs(hard),
    softTimeoutMs: inMs(soft),
    rateLimit: settings.task_default_rate_limit,
    limitsOf: (task) => {
      const { time_limit: hard, soft_time_limit: soft, rate_limit: rateLimit } = annotationOf(settings, task)
      const { task_default_rate_limit: usual = 0 } = settings
      return { timeoutMs: inMs(hard), softTimeoutMs: inMs(soft), rateLimit: rateLimit === null ? usual : rateLimit }
    },
  }
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000
}
