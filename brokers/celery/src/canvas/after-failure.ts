/** What follows a task that has failed (celery.md 12.2). */
import type { TaskRequest } from '../wire/task-message.ts'
import { applyErrbacks, type Errbacks, type IsNewStyle } from './errbacks.ts'
import type { CanvasSender } from './orders.ts'
import { readable, type Unreached, unreachedRest } from './unreached.ts'

export interface Failing extends Errbacks {
  /** The rest of the chain, nearest step first: to be stored as failed in the same way. */
  readonly unreached: readonly Unreached[]
}

/**
 * To be done after FAILURE is stored for the task and its part of a chord is reported. Not for a retry. Of a revoked task Celery
 * reports the part alone. What cannot be read of the signatures is passed over.
 */
export function afterFailure(request: TaskRequest, isNewStyle: IsNewStyle, sender: CanvasSender): Failing {
  const { chain = [], errbacks = [] } = request.embed
  return { unreached: unreachedRest(chain), ...applyErrbacks(readable(errbacks), request, isNewStyle, sender) }
}
