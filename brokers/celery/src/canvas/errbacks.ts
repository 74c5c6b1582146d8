/** Callbacks on failure: which are called in this process and which are sent as tasks (celery.md 12.2). */
import type { TaskRequest } from '../wire/task-message.ts'
import type { CanvasSender, Following } from './orders.ts'
import { groupSignature, type Signature } from './signature.ts'
import { apply } from './start.ts'

/** The orders are those of the old style. */
export interface Errbacks extends Following {
  /** Of the new style: called here with the failed request, the exception and the traceback; what they answer is not used. */
  readonly local: readonly Signature[]
}

/** Whether a name is that of a task in this worker that takes the request, the exception and the traceback. */
export type IsNewStyle = (name: string) => boolean

/** @param failed whose id the errbacks get */
export function applyErrbacks(
  errbacks: readonly Signature[],
  failed: Pick<TaskRequest, 'id' | 'rootId'>,
  isNewStyle: IsNewStyle,
  sender: CanvasSender,
): Errbacks {
  const local = errbacks.filter(({ task }) => isNewStyle(task))
  const sent = errbacks.filter(({ task }) => !isNewStyle(task))
  if (sent.length === 0) return { local, orders: [], children: [] }
  const options = { parent_id: failed.id, root_id: failed.rootId ?? failed.id }
  // In a group even if there is one, as in Celery.
  const { orders, children } = apply(groupSignature(sent), { args: [failed.id], options }, { ...sender, parent: failed })
  return { local, orders, children }
}
