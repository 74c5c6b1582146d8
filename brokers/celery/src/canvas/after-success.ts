/** What follows a task that has succeeded (celery.md 12.1). */
import type { TaskRequest } from '../wire/task-message.ts'
import type { Applied, CanvasSender, Following } from './orders.ts'
import { groupSignature, isGroup, parseSignature, type Signature, type SignatureOptions } from './signature.ts'
import { apply } from './start.ts'

/**
 * Callbacks, then the next step of the chain; to be sent before SUCCESS is stored, so that the record knows its children. The sender
 * needs no `parent`.
 * @throws {ProtocolError} PROTOCOL_INVALID for a signature that cannot be read: the run has failed
 * @throws {ConfigError} UNSUPPORTED for a chord that nobody would count: the run has failed
 */
export function afterSuccess(request: TaskRequest, result: unknown, sender: CanvasSender): Following {
  const { callbacks = [], chain = [] } = request.embed
  const next = chain.at(-1)
  if (callbacks.length === 0 && next === undefined) return nothing
  const following = follower(request, result, sender)
  const applied = applyCallbacks(callbacks.map(parseSignature), following)
  if (next !== undefined) applied.push(following(parseSignature(next), { chain: chain.slice(0, -1) }))
  return { orders: applied.flatMap(({ orders }) => orders), children: applied.flatMap(({ children }) => children) }
}

const nothing: Following = { orders: [], children: [] }

type Follow = (signature: Signature, options?: SignatureOptions) => Applied

function follower(request: TaskRequest, result: unknown, sender: CanvasSender): Follow {
  const ids = { parent_id: request.id, root_id: request.rootId ?? request.id }
  const from = { ...sender, parent: request }
  return (signature, options) => apply(signature, { args: [result], options: { ...options, ...ids } }, from)
}

/** Groups each alone; the others, if they are several, as one group made for the occasion. */
function applyCallbacks(callbacks: readonly Signature[], following: Follow): Applied[] {
  if (callbacks.length < 2) return callbacks.map((callback) => following(callback))
  const others = callbacks.filter((callback) => !isGroup(callback))
  const groups = callbacks.filter(isGroup)
  return [...groups, ...(others.length === 0 ? [] : [groupSignature(others)])].map((group) => following(group))
}
