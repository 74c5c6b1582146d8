/** What the settings say of the tasks of one name: `task_annotations` over the settings for all. */
import type { CelerySettings } from './celery-settings.ts'
import type { AnnotationSetting } from './queue-setting.ts'

export interface TaskPolicy {
  /** Acknowledge when the run has ended and not when it begins: a task whose worker dies runs again. */
  readonly acksLate: boolean
  readonly acksOnFailure: boolean
  /** Of those acknowledged late: one whose thread or process died goes back to its queue, as if it had never run. */
  readonly rejectsOnWorkerLost: boolean
  readonly ignoreResult: boolean
  readonly storeErrorsEvenIfIgnored: boolean
  readonly trackStarted: boolean
}

/** Names come from messages: ever new ones shall not fill the memory. */
const mostKnown = 10_000

/** Gives the policy of a task by its name; remembers what it gave. */
export function taskPolicies(settings: CelerySettings): (name: string) => TaskPolicy {
  const known = new Map<string, TaskPolicy>()
  return (name) => {
    const found = known.get(name)
    if (found !== undefined) return found
    const policy = policyOf(settings, annotationOf(settings, name))
    if (known.size >= mostKnown) known.clear()
    known.set(name, policy)
    return policy
  }
}

/** What is said of a name. As in Celery what is said of all names stands above what is said of it alone. */
export function annotationOf({ task_annotations: annotations }: CelerySettings, name: string): AnnotationSetting {
  const own = Object.hasOwn(annotations, name) ? annotations[name] : undefined
  return { ...own, ...annotations['*'] }
}

function policyOf(settings: CelerySettings, annotation: AnnotationSetting): TaskPolicy {
  return {
    acksLate: annotation.acks_late ?? settings.task_acks_late,
    acksOnFailure: annotation.acks_on_failure_or_timeout ?? settings.task_acks_on_failure_or_timeout,
    rejectsOnWorkerLost: annotation.reject_on_worker_lost ?? settings.task_reject_on_worker_lost,
    ignoreResult: annotation.ignore_result ?? settings.task_ignore_result,
    storeErrorsEvenIfIgnored: annotation.store_errors_even_if_ignored ?? settings.task_store_errors_even_if_ignored,
    trackStarted: annotation.track_started ?? settings.task_track_started,
  }
}
